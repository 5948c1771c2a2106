package main

import (
	"fmt"
	"slices"
	"strings"
)

// elementWords lists the standard's words for tensor elements.
var elementWords = []string{
	"bfloat16", "bool", "complex128", "complex64", "double", "float", "float16", "float4e2m1", "float6e2m3",
	"float6e3m2", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0", "int16", "int2", "int32",
	"int4", "int64", "int8", "string", "uint16", "uint2", "uint32", "uint4", "uint64", "uint8",
}

// spellType gives the one spelling of a type that the suite uses: no spaces, and the value of a map written as the
// tensor that it is in the format: "map(int64, float)" becomes "map(int64,tensor(float))".
func spellType(text string) (string, error) {
	t := strings.ReplaceAll(text, " ", "")
	word, rest, found := strings.Cut(t, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !found || !closed {
		return "", fmt.Errorf("%q is not a type", text)
	}
	switch word {
	case "tensor":
		if !slices.Contains(elementWords, inner) {
			return "", fmt.Errorf("type %q: unknown element type %q", text, inner)
		}
		return t, nil
	case "seq", "optional":
		of, err := spellType(inner)
		return word + "(" + of + ")", err
	case "map":
		key, value, found := strings.Cut(inner, ",")
		if !found || !slices.Contains(elementWords, key) {
			return "", fmt.Errorf("type %q: a map needs an element type as key and a value", text)
		}
		if slices.Contains(elementWords, value) {
			value = "tensor(" + value + ")"
		}
		of, err := spellType(value)
		return "map(" + key + "," + of + ")", err
	}
	return "", fmt.Errorf("%q is not a type", text)
}
