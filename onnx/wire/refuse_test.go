package wire_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Messages by hand: num is a field's number, fields are encoded fields.

func join(fields ...[]byte) []byte { return bytes.Join(fields, nil) }

func message(num protowire.Number, fields ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), join(fields...))
}

func text(num protowire.Number, s string) []byte { return message(num, []byte(s)) }

func number(num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(v))
}

func fixed32(num protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, num, protowire.Fixed32Type), v)
}

func graph(fields ...[]byte) []byte { return message(7, fields...) }

// initializer gives a model with one float initializer "w" of shape [2,3], and these fields in it.
func initializer(fields ...[]byte) []byte {
	return graph(message(5, text(8, "w"), number(1, 2), number(1, 3), number(2, 1), join(fields...)))
}

// tensor gives a model with one initializer "w" of these fields.
func tensor(fields ...[]byte) []byte { return graph(message(5, text(8, "w"), join(fields...))) }

// attribute gives a model with an attribute "pads" of these fields in its node 1, "conv2".
func attribute(fields ...[]byte) []byte {
	return graph(message(1, text(4, "Relu")), message(1, text(3, "conv2"), message(5, text(1, "pads"), join(fields...))))
}

func entry(key, value string) []byte { return message(13, text(1, key), text(2, value)) }

// nested gives a graph in a graph, n of them.
func nested(n int) []byte {
	inner := []byte{}
	for range n - 1 {
		inner = message(1, message(5, number(20, 5), message(6, inner)))
	}
	return graph(inner)
}

// nestedType gives a model with an input whose type is n types in one another.
func nestedType(n int) []byte {
	inner := []byte{}
	for range n - 1 {
		inner = message(4, message(1, inner))
	}
	return graph(message(11, text(1, "x"), message(2, inner)))
}

func TestDecodeRefuses(t *testing.T) {
	raw24 := message(9, make([]byte, 24))
	cases := map[string]struct {
		file []byte
		want string
	}{
		"nothing":                    {nil, "wire: no graph or an empty one"},
		"a model without a graph":    {number(1, 8), "wire: no graph or an empty one"},
		"text":                       {[]byte("<html><body>not found</body></html>"), "wire: "},
		"a truncated varint":         {[]byte{0x08, 0x80}, "field 1 is broken: it is cut short"},
		"an overlong varint":         {append([]byte{0x08}, bytes.Repeat([]byte{0xff}, 10)...), "field 1 is broken: no number of 64 bits"},
		"a truncated tag":            {[]byte{0x80}, "tag is broken"},
		"field number 0":             {[]byte{0x00, 0x00}, "tag is broken"},
		"a field number too high":    {protowire.AppendVarint(nil, 1<<32), "does not exist"},
		"a length beyond the file":   {[]byte{0x3a, 0x05, 0x00}, "field 7 claims 5 bytes, but 1 are left"},
		"a length beyond all files":  {append([]byte{0x3a}, protowire.AppendVarint(nil, math.MaxUint64)...), "claims 18446744073709551615 bytes"},
		"a truncated fixed32":        {[]byte{0x15, 0, 0}, "field 2 is broken"},
		"a group without an end":     {[]byte{0xf3, 0x07}, "field 126 is broken"},
		"a group's end by itself":    {[]byte{0xf4, 0x07}, "field 126 is broken"},
		"wire type 6":                {[]byte{0x0e, 0}, "field 1 is broken"},
		"a name that is a number":    {graph(number(2, 5)), "wire: graph: name is encoded as a varint, it must be bytes"},
		"a version that is text":     {text(1, "8"), "wire: ir_version is encoded as bytes, it must be a varint"},
		"a graph that is a number":   {number(7, 1), "wire: graph is encoded as a varint"},
		"a node that is a number":    {graph(number(1, 1)), "wire: graph: node is encoded as a varint"},
		"a broken node without name": {graph(message(1, []byte{0x0a, 9})), "wire: graph: node 0: field 1 claims 9 bytes"},

		"an attribute of unknown type": {attribute(number(20, 15)), `wire: graph: node 1 "conv2": attribute "pads": unknown attribute type 15`},
		"an attribute of type -1":      {attribute(number(20, -1)), "unknown attribute type -1"},
		"an attribute of no type":      {attribute(), "neither a type nor a value"},
		"an attribute of two values":   {attribute(number(3, 1), fixed32(2, 0)), "several values and no type"},
		"a graph attribute without":    {attribute(number(20, 5)), "its type says graph, but it holds none"},
		"a tensor attribute without":   {attribute(number(20, 4)), "its type says tensor, but it holds none"},
		"a type attribute without":     {attribute(number(20, 13)), "its type says type_proto, but it holds none"},
		"ints as floats":               {attribute(number(20, 7), fixed32(8, 0)), `"pads": ints is encoded as fixed 32 bits`},
		"packed ints broken":           {attribute(number(20, 7), message(8, []byte{1, 0x80})), `"pads": ints: value 1 is broken`},
		"packed floats broken":         {attribute(number(20, 6), message(7, []byte{1, 2, 3})), `"pads": floats is packed in 3 bytes`},
		"a tensor in it broken":        {attribute(number(20, 4), message(5, number(2, 1), number(1, 3))), `"conv2": attribute "pads": tensor: no data, float[3] needs 12 bytes`},

		"raw data too short":          {initializer(message(9, make([]byte, 12))), `wire: graph: initializer "w": raw data has 12 bytes, float[2,3] needs 24`},
		"raw data too long":           {initializer(message(9, make([]byte, 25))), "raw data has 25 bytes, float[2,3] needs 24"},
		"raw data empty":              {initializer(message(9)), "raw data has 0 bytes, float[2,3] needs 24"},
		"no data":                     {initializer(), "no data, float[2,3] needs 24 bytes"},
		"typed data too short":        {initializer(message(4, make([]byte, 20))), "float_data has 5 values, float[2,3] needs 6"},
		"typed data unpacked, short":  {initializer(fixed32(4, 0)), "float_data has 1 values, float[2,3] needs 6"},
		"typed data not whole":        {initializer(message(4, make([]byte, 23))), "float_data is packed in 23 bytes, which 4 does not divide"},
		"typed data of another type":  {initializer(message(7, make([]byte, 6))), "int64_data has 6 values, where a tensor of float keeps none"},
		"strings in a float tensor":   {initializer(raw24, text(6, "x")), "string_data has 1 values, where a tensor of float keeps none"},
		"raw and typed data":          {initializer(raw24, message(4, make([]byte, 24))), "both raw_data and float_data hold values"},
		"no element type":             {tensor(message(9)), `initializer "w": no element type`},
		"an unknown element type":     {tensor(number(2, 29), message(9)), "unknown element type 29"},
		"an element type below 0":     {tensor(number(2, -1), message(9)), "unknown element type -1"},
		"a negative dimension":        {tensor(number(2, 1), number(1, -1), message(9)), `"w": negative dimension -1 in shape [-1]`},
		"dimensions that overflow":    {tensor(number(2, 1), number(1, 1<<40), number(1, 1<<40), message(9)), "more elements than fit 64 bits"},
		"bytes that overflow":         {tensor(number(2, 11), number(1, 1<<61), message(9)), "more bytes than fit 64 bits"},
		"more than the memory limit":  {tensor(number(2, 1), number(1, 1<<29+1), message(9)), "float[536870913] takes 2147483652 bytes, more than the memory limit of 2147483648"},
		"strings beyond the limit":    {tensor(number(2, 8), number(1, 1<<28)), "more than the memory limit"},
		"strings that are raw":        {tensor(number(2, 8), number(1, 1), text(6, "a"), message(9, []byte{1})), "strings stand in string_data"},
		"too few strings":             {tensor(number(2, 8), number(1, 2), text(6, "a")), "string_data has 1 values, string[2] needs 2"},
		"int8 out of range":           {tensor(number(2, 3), number(1, 1), number(5, 256)), "int32_data: value 0 is 256, which int8 cannot hold"},
		"uint32 out of range":         {tensor(number(2, 12), number(1, 1), number(11, 1<<32)), "uint64_data: value 0 is 4294967296, which uint32 cannot hold"},
		"a half complex number":       {tensor(number(2, 14), number(1, 1), fixed32(4, 0)), "float_data has 1 values, complex64[1] needs 2"},
		"packed int64 broken":         {tensor(number(2, 7), number(1, 1), message(7, bytes.Repeat([]byte{0xff}, 10), []byte{1})), "int64_data: value 0 is broken"},
		"an unknown place of data":    {initializer(number(14, 2)), "unknown data_location 2"},
		"external without location":   {initializer(number(14, 1)), "external data without a location"},
		"external and raw":            {initializer(number(14, 1), entry("location", "x"), raw24), "the elements are external, but the tensor holds some itself"},
		"external of another length":  {initializer(number(14, 1), entry("location", "x"), entry("length", "12")), `external data "x" has 12 bytes, float[2,3] needs 24`},
		"external offset negative":    {initializer(number(14, 1), entry("location", "x"), entry("offset", "-1")), `offset is "-1", it must be a number of bytes`},
		"external length not number":  {initializer(number(14, 1), entry("location", "x"), entry("length", "24 ")), `length is "24 ", it must be`},
		"external length too great":   {initializer(number(14, 1), entry("location", "x"), entry("length", "99999999999999999999")), "it must be a number of bytes"},
		"external strings":            {tensor(number(2, 8), number(14, 1), entry("location", "x")), "strings cannot be external data"},
		"a segment that is broken":    {initializer(raw24, message(3, text(1, "x"))), `"w": segment: begin is encoded as bytes`},
		"a terminal's escape in name": {graph(message(5, text(8, "\x1b[2J"))), `initializer "\x1b[2J": no element type`},

		"a sparse tensor without values":   {graph(message(15, number(3, 2))), "wire: graph: sparse_initializer 0: no values"},
		"a sparse index out of shape":      {graph(message(15, message(1, number(2, 1), number(1, 1), message(9, make([]byte, 4))), message(2, number(2, 7), number(1, 1), number(7, 5)), number(3, 5))), "index 0 is 5, outside shape [5]"},
		"a negative dimension in a type":   {graph(message(11, text(1, "x"), message(2, message(1, number(1, 1), message(2, message(1, number(1, -1))))))), `wire: graph: input "x": type: dimension 0: negative dimension -1`},
		"an element type that is text":     {graph(message(12, text(1, "y"), message(2, message(1, text(1, "float"))))), `output "y": type: elem_type is encoded as bytes`},
		"graphs nested too deep":           {nested(101), "nested deeper than 100"},
		"types nested too deep":            {nestedType(100), `wire: graph: input "x": type: `},
		"graphs nested until the end":      {nested(5000), "nested deeper than 100"},
		"a function's node":                {join(graph(), message(25, text(1, "f"), message(7, text(3, "n"), number(4, 1)))), `wire: function "f": node 0 "n": op_type is encoded as a varint`},
		"metadata":                         {join(graph(), message(14, text(1, "k"), number(2, 1))), `wire: metadata_props "k": value is encoded as a varint`},
		"messages of nothing, by millions": {graph(bytes.Repeat([]byte{0x0a, 0}, 1<<20)), "unpacks to more than 64 times its size"},
	}
	for name, c := range cases {
		m, err := wire.Decode(c.file, wire.Options{})
		if err == nil {
			t.Errorf("%s: got %v, want it refused", name, m)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "wire: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", name, got, c.want)
		} else if len(got) > 1000 || strings.ContainsAny(got, "\n\x1b") {
			t.Errorf("%s: got %q, which is no line for a person", name, got)
		}
	}
}

// What is odd but legal is taken, and means what protobuf says it means.
func TestDecodeTakes(t *testing.T) {
	floats := func(v ...float32) []byte { return onnx.BytesOf(v) }
	data := func(want []byte) func(*onnx.Model) bool {
		return func(m *onnx.Model) bool { return bytes.Equal(m.Graph.Initializers[0].Data, want) }
	}
	attr := func(m *onnx.Model) *onnx.Attribute { return m.Graph.Nodes[1].Attributes[0] }
	cases := map[string]struct {
		file []byte
		want func(*onnx.Model) bool
	}{
		"a graph without nodes": {graph(), func(m *onnx.Model) bool { return len(m.Graph.Nodes) == 0 }},
		"graphs nested 100 deep": {nested(100), func(m *onnx.Model) bool {
			depth := 1
			for g := m.Graph; len(g.Nodes) > 0; depth++ {
				g = g.Nodes[0].Attributes[0].Graph
			}
			return depth == 100
		}},
		"a scalar given twice": {join(graph(), number(1, 7), number(1, 8)), func(m *onnx.Model) bool { return m.IRVersion == 8 }},
		"a graph in two pieces": {join(graph(text(2, "a"), text(10, "doc")), graph(message(1, text(4, "Relu")), text(2, "b"))), func(m *onnx.Model) bool {
			return m.Graph.Name == "b" && m.Graph.Doc == "doc" && len(m.Graph.Nodes) == 1
		}},
		"a tensor in two pieces": {attribute(number(20, 4), message(5, number(2, 1), number(1, 2)), message(5, number(1, 1), message(9, floats(1, 2)))), func(m *onnx.Model) bool { return attr(m).Tensor.String() == "float[2,1]" }},
		"a type that changes": {graph(message(11, message(2, message(1, number(1, 1)), message(4), message(5, number(1, 7)), message(5, message(2))))), func(m *onnx.Model) bool {
			typ := m.Graph.Inputs[0].Type
			return typ.Kind == onnx.KindMap && typ.Key == onnx.Int64 && typ.Of != nil && typ.Elem == 0
		}},
		"a dimension that changes": {graph(message(11, message(2, message(1, message(2, message(1, number(1, 5), text(3, "d"), text(2, "n"))))))), func(m *onnx.Model) bool {
			return m.Graph.Inputs[0].Type.Dims[0] == onnx.Dim{Value: -1, Param: "n", Denotation: "d"}
		}},
		"an int attribute untyped":  {attribute(number(3, 0)), func(m *onnx.Model) bool { return attr(m).Type == onnx.AttributeInt }},
		"a referring attribute":     {attribute(text(21, "alpha")), func(m *onnx.Model) bool { return attr(m).RefName == "alpha" }},
		"an empty list":             {attribute(number(20, 7)), func(m *onnx.Model) bool { return attr(m).Type == onnx.AttributeInts && len(attr(m).Ints) == 0 }},
		"packed and unpacked ints":  {attribute(number(20, 7), number(8, 1), message(8, []byte{2, 3}), number(8, 4)), func(m *onnx.Model) bool { return len(attr(m).Ints) == 4 && attr(m).Ints[2] == 3 }},
		"floats in an attribute":    {attribute(number(20, 6), fixed32(7, math.Float32bits(1)), message(7, floats(2, 3))), func(m *onnx.Model) bool { return len(attr(m).Floats) == 3 && attr(m).Floats[2] == 3 }},
		"packed and unpacked float": {initializer(fixed32(4, math.Float32bits(1)), message(4, floats(2, 3, 4, 5)), fixed32(4, math.Float32bits(6))), data(floats(1, 2, 3, 4, 5, 6))},
		"raw data given twice":      {tensor(number(2, 2), message(9, []byte{1, 2, 3}), message(9, []byte{7})), data([]byte{7})},
		"empty raw beside typed":    {tensor(number(2, 2), number(1, 1), message(9), number(5, 200)), data([]byte{200})},
		"dims behind the data":      {tensor(message(9, []byte{1, 2}), number(2, 2), message(1, []byte{2})), data([]byte{1, 2})},
		"bool of any byte":          {tensor(number(2, 9), number(1, 3), message(9, []byte{0, 2, 255})), data([]byte{0, 1, 1})},
		"bool of any number":        {tensor(number(2, 9), number(1, 3), message(5, []byte{0, 1}), number(5, -7)), data([]byte{0, 1, 1})},
		"int8 listed unsigned":      {tensor(number(2, 3), number(1, 2), number(5, 255), number(5, -1)), data([]byte{255, 255})},
		"float16 by its bits":       {tensor(number(2, 10), number(1, 1), number(5, 0x3c00)), data([]byte{0, 0x3c})},
		"uint4 in pairs":            {tensor(number(2, 21), number(1, 3), number(5, 0x21), number(5, 0xf3)), data([]byte{0x21, 0x03})},
		"uint2 in fours":            {tensor(number(2, 25), number(1, 5), message(9, []byte{0xe4, 0xff})), data([]byte{0xe4, 0x03})},
		// 1, 2, 3, 4 in 6 bits each: 000001 | 000010<<6 | 000011<<12 | 000100<<18 = 0x1030 81.
		"float6 one by one":    {tensor(number(2, 27), number(1, 4), message(5, []byte{1, 2, 3, 4})), data([]byte{0x81, 0x30, 0x10})},
		"complex64 in pairs":   {tensor(number(2, 14), number(1, 1), message(4, floats(1, -2))), data(floats(1, -2))},
		"no elements":          {tensor(number(2, 1), number(1, 0)), data(nil)},
		"external, not loaded": {initializer(number(14, 1), entry("location", "w.bin")), func(m *onnx.Model) bool { return !m.Graph.Initializers[0].Bound() }},
		"a key given twice":    {initializer(number(14, 1), entry("location", "a"), entry("location", "b")), func(m *onnx.Model) bool { return m.Graph.Initializers[0].External.Location == "b" }},
		"an unknown group":     {join(graph(), []byte{0xf3, 0x07, 0xf4, 0x07}), func(m *onnx.Model) bool { return string(m.Unknown) == "\xf3\x07\xf4\x07" }},
	}
	for name, c := range cases {
		m, err := wire.Decode(c.file, wire.Options{})
		if err != nil {
			t.Errorf("%s: got %v, want it taken", name, err)
			continue
		}
		if !c.want(m) {
			t.Errorf("%s: got something else", name)
		}
		again(t, name, m, nil)
	}
}

func TestMemoryLimit(t *testing.T) {
	file := initializer(message(9, make([]byte, 24)))
	if _, err := wire.Decode(file, wire.Options{MemoryLimit: 24}); err != nil {
		t.Errorf("got %v, want 24 bytes taken at a limit of 24", err)
	}
	_, err := wire.Decode(file, wire.Options{MemoryLimit: 23})
	if want := `wire: graph: initializer "w": float[2,3] takes 24 bytes, more than the memory limit of 23`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestDecodeValueRefuses(t *testing.T) {
	float := onnx.UnrankedTensorType(onnx.Float)
	sequence := func(of onnx.Type) onnx.Type { return onnx.Type{Kind: onnx.KindSequence, Of: &of} }
	optional := onnx.Type{Kind: onnx.KindOptional, Of: &float}
	mapping := onnx.Type{Kind: onnx.KindMap, Key: onnx.Int8, Of: &float}
	scalar := join(number(2, 1), message(9, make([]byte, 4)))
	deep := []byte{}
	for range 100 {
		deep = join(number(2, 3), message(5, deep))
	}
	cases := map[string]struct {
		file []byte
		typ  onnx.Type
		want string
	}{
		"a type unknown":             {nil, onnx.Type{}, "wire: undefined: values of this type have no encoding"},
		"an opaque value":            {nil, onnx.Type{Kind: onnx.KindOpaque}, "values of this type have no encoding"},
		"a tensor of nothing":        {nil, float, "wire: tensor(float): no element type"},
		"a sequence of another type": {join(number(2, 1), message(3, number(2, 7), message(9, make([]byte, 8)))), sequence(float), "tensor(int64) is there, where tensor(float) is declared"},
		"a sequence of two types":    {join(number(2, 1), message(3, scalar), message(3, number(2, 7), message(9, make([]byte, 8)))), sequence(onnx.Type{}), "value 1 is tensor(int64), value 0 is tensor(float)"},
		"a sequence of two kinds":    {join(message(3, scalar), message(5)), sequence(onnx.Type{}), "values of two kinds: tensor and sequence"},
		"a kind that is not stated":  {join(number(2, 3), message(3, scalar)), sequence(onnx.Type{}), "elem_type says sequence, but a tensor is there"},
		"an elem_type unknown":       {number(2, 6), sequence(float), "unknown elem_type 6"},
		"a broken value":             {join(number(2, 1), message(3, number(2, 1))), sequence(float), "value 0: no data, float[] needs 4 bytes"},
		"an optional of another":     {join(number(2, 3), message(5)), optional, "is declared"},
		"sequences nested too deep":  {deep, sequence(onnx.Type{}), "nested deeper than 100"},
		"a map with a key too much":  {join(number(2, 3), number(3, 1)), mapping, "0 values for 1 keys"},
		"a map with a key too great": {join(number(2, 3), number(3, 128)), mapping, "key 0 is 128, which int8 cannot hold"},
		"a map of float keys":        {number(2, 1), mapping, "key_type 1 is neither an integer type nor string"},
		"a map of two sorts of keys": {join(number(2, 3), text(4, "a")), mapping, "keys of another type"},
	}
	for name, c := range cases {
		v, err := wire.DecodeValue(c.file, c.typ, wire.Options{})
		if err == nil {
			t.Errorf("%s: got %v, want it refused", name, v)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, want %q in it", name, err, c.want)
		}
	}
}
