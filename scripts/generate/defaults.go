package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// attributeTypes gives the Go constant of each word for an attribute's type.
var attributeTypes = map[string]string{
	"float": "Float", "int": "Int", "string": "String", "tensor": "Tensor", "graph": "Graph",
	"list of floats": "Floats", "list of ints": "Ints", "list of strings": "Strings", "list of tensors": "Tensors",
	"list of graphs": "Graphs", "sparse_tensor": "SparseTensor", "list of sparse_tensors": "SparseTensors",
	"type_proto": "TypeProto", "list of type_protos": "TypeProtos",
}

// defaultLiteral turns a default as the standard prints it into a Go literal of schema.Value.
func defaultLiteral(attributeType, printed string) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("default %q of type %s is not understood: %w", printed, attributeType, err)
	}
	switch attributeType {
	case "int":
		n, err := strconv.ParseInt(printed, 10, 64)
		if err != nil {
			return fail(err)
		}
		return fmt.Sprintf("Value{Type: Int, Int: %d}", n), nil
	case "float":
		f, err := parseFloat(printed)
		if err != nil {
			return fail(err)
		}
		// As bits, since Go has no literal for the -0.0 of LabelEncoder.
		return fmt.Sprintf("Value{Type: Float, bits: %#x /* %v */}", math.Float32bits(f), f), nil
	case "string":
		return fmt.Sprintf("Value{Type: String, Str: %q}", printed), nil
	case "list of ints":
		items, err := parseList(printed)
		if err != nil {
			return fail(err)
		}
		for i, item := range items {
			n, err := strconv.ParseInt(item, 10, 64)
			if err != nil {
				return fail(err)
			}
			items[i] = strconv.FormatInt(n, 10)
		}
		return fmt.Sprintf("Value{Type: Ints, Ints: []int64{%s}}", strings.Join(items, ", ")), nil
	case "list of strings":
		items, err := parseList(printed)
		if err != nil {
			return fail(err)
		}
		for i, item := range items {
			items[i] = strconv.Quote(item)
		}
		return fmt.Sprintf("Value{Type: Strings, Strs: []string{%s}}", strings.Join(items, ", ")), nil
	}
	return fail(fmt.Errorf("no default of this type is known"))
}

// parseFloat reads a float32; the standard puts brackets around long ones.
func parseFloat(printed string) (float32, error) {
	text := printed
	if inner, found := strings.CutPrefix(text, "("); found {
		if text, found = strings.CutSuffix(inner, ")"); !found {
			return 0, fmt.Errorf("bracket without an end")
		}
	}
	f, err := strconv.ParseFloat(text, 32)
	if err == nil && (math.IsInf(f, 0) || math.IsNaN(f)) {
		err = fmt.Errorf("not a finite number")
	}
	return float32(f), err
}

// parseList reads a list of quoted items: ['0', '2', '3'].
func parseList(printed string) ([]string, error) {
	inner, opened := strings.CutPrefix(printed, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed || inner == "" {
		return nil, fmt.Errorf("not a list of items in square brackets")
	}
	items := strings.Split(inner, ", ")
	for i, item := range items {
		if len(item) < 2 || item[0] != '\'' || item[len(item)-1] != '\'' || strings.ContainsAny(item[1:len(item)-1], `'\`) {
			return nil, fmt.Errorf("item %d is not plainly quoted", i+1)
		}
		items[i] = item[1 : len(item)-1]
	}
	return items, nil
}
