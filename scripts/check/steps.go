package main

import "context"

// step is one rule. Its run gives what was seen, for the line that says ok, or every breach as one error.
type step struct {
	name, about string
	run         func(context.Context, *tree) (string, error)
}

// steps are in the order in which they run: what is quick and often wrong comes first.
func steps() []step {
	return []step{
		{"format", "every Go file is as gofmt writes it", format},
		{"names", "no file or folder is named utils, helpers, common or misc", names},
		{"init", "no init function anywhere", inits},
		{"imports", "every import is in the table of ARCHITECTURE.md", imports},
		{"vet", "go vet", vet},
		{"variables", "no package-level variable is written after the program has started", variables},
		{"static", "staticcheck", static},
		{"generated", "generated Go files and assembly are what their generators write", generated},
		{"operators", "OPERATORS.md is what its generator writes", operators},
		{"arm64", "builds and vets for linux/arm64", cross("linux", "arm64")},
		{"windows", "builds and vets for windows/amd64", cross("windows", "amd64")},
		{"wasm", "builds and vets for js/wasm", cross("js", "wasm")},
		{"test", "every test", tests()},
		{"noasm", "every test, without assembly", tests("-tags", "noasm")},
		{"race", "every test but the long ones under the race detector", race},
		{"fuzz", "every fuzz target for some seconds", fuzz},
		{"bench", "every benchmark once", bench},
		{"readme", "every command of the README in a block marked sh, as written", readme},
	}
}

func stepNames() []string {
	var names []string
	for _, s := range steps() {
		names = append(names, s.name)
	}
	return names
}
