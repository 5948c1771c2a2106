package onnx

// The newest versions this module knows, as of ONNX 1.23.
const (
	MaxIRVersion = 14
	MaxOpset     = 28 // of the default domain
)

// Domains with operators of their own.
const (
	DomainDefault = ""                 // "ai.onnx" is another spelling of it, see [NormalDomain]
	DomainML      = "ai.onnx.ml"       // classical machine learning
	DomainPrivate = "com.github.gonyx" // this suite's own operators; never in an exported network
)

// NormalDomain gives "" for both spellings of the default domain, and any other domain as it is.
func NormalDomain(domain string) string {
	if domain == "ai.onnx" {
		return DomainDefault
	}
	return domain
}

// Model is a graph with what a file says about it (ModelProto).
//
// The opsets and functions that give the graph's nodes their meaning stand in [Graph], so that a graph can be
// compiled, lowered or compared without its model.
type Model struct {
	IRVersion       int64
	ProducerName    string
	ProducerVersion string
	Domain          string // reverse-DNS name of the model's owner; not an operator domain
	ModelVersion    int64
	Doc             string
	Graph           *Graph
	Metadata        []Entry
	TrainingInfo    [][]byte // TrainingInfoProto messages, kept as they came
	Configurations  []*DeviceConfiguration
	Unknown         []byte // fields of ModelProto this version does not know, kept as they came
}

// Meta gives the value of the first metadata entry with the key, and whether there is one.
func (m *Model) Meta(key string) (string, bool) {
	for _, e := range m.Metadata {
		if e.Key == key {
			return e.Value, true
		}
	}
	return "", false
}

// SetMeta sets the metadata entry with the key, adding it at the end where there is none.
func (m *Model) SetMeta(key, value string) {
	for i := range m.Metadata {
		if m.Metadata[i].Key == key {
			m.Metadata[i].Value = value
			return
		}
	}
	m.Metadata = append(m.Metadata, Entry{Key: key, Value: value})
}

// Entry is a key with a value (StringStringEntryProto).
type Entry struct {
	Key, Value string
	Unknown    []byte
}

// Opset names a version of a domain's operator set (OperatorSetIdProto).
type Opset struct {
	Domain  string // as the file spells it
	Version int64
	Unknown []byte
}

// Function is an operator defined by a body of nodes (FunctionProto).
type Function struct {
	Name           string
	Domain         string
	Overload       string
	Doc            string
	Inputs         []string
	Outputs        []string
	Attributes     []string     // names of attributes without a default
	AttributeProto []*Attribute // attributes with their defaults
	Nodes          []*Node
	Opsets         []Opset
	ValueInfo      []*ValueInfo
	Metadata       []Entry
	Unknown        []byte
}

// DeviceConfiguration describes devices a model may be spread over (DeviceConfigurationProto).
type DeviceConfiguration struct {
	Name       string
	NumDevices int32
	Devices    []string
	Unknown    []byte
}
