// Command check-schema prints the schemas of onnx/schema as JSON, for compare.py to hold against the onnx package.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/gonyx/gonyx/onnx/schema"
)

// op is a schema.Op with its types and defaults spelled out.
type op struct {
	*schema.Op
	Constraints map[string][]string
	Defaults    map[string]any // floats as the bits of a float32
	Words       map[string]string
}

func main() {
	var ops []op
	for o := range schema.All() {
		spelled := op{o, map[string][]string{}, map[string]any{}, map[string]string{}}
		for _, c := range o.Types {
			spelled.Constraints[c.Variable] = slices.Collect(c.Types.All())
		}
		for _, a := range o.Attributes {
			spelled.Words[a.Name] = a.Type.String()
			if a.HasDefault() {
				spelled.Defaults[a.Name] = plain(a.Default)
			}
		}
		ops = append(ops, spelled)
	}
	if err := json.NewEncoder(os.Stdout).Encode(ops); err != nil {
		fmt.Fprintln(os.Stderr, "check-schema:", err)
		os.Exit(1)
	}
}

func plain(v *schema.Value) any {
	switch v.Type {
	case schema.Int:
		return v.Int
	case schema.Float:
		return fmt.Sprintf("%08x", math.Float32bits(v.Float()))
	case schema.String:
		return v.Str
	case schema.Ints:
		return v.Ints
	case schema.Strings:
		return v.Strs
	}
	return "a default of type " + v.Type.String()
}
