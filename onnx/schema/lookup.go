package schema

import (
	"iter"
	"sort"
)

type domain struct {
	name   string
	newest int64
	ops    []Op // by name, then by version
}

func find(name string) *domain {
	if name == "ai.onnx" { // the default domain's long name
		name = ""
	}
	for i := range domains {
		if domains[i].name == name {
			return &domains[i]
		}
	}
	return nil
}

// after gives the index of the first operator beyond that name and version.
func (d *domain) after(name string, version int64) int {
	return sort.Search(len(d.ops), func(i int) bool {
		op := &d.ops[i]
		return op.Name > name || op.Name == name && op.Since > version
	})
}

// Lookup gives the version of an operator that holds at an opset of its domain: the newest that is no newer. It may be
// a deprecated one. False where the domain or the operator is unknown or came later. "ai.onnx" is the default domain.
func Lookup(domain, name string, opset int64) (*Op, bool) {
	d := find(domain)
	if d == nil {
		return nil, false
	}
	i := d.after(name, opset) - 1
	if i < 0 || d.ops[i].Name != name {
		return nil, false
	}
	return &d.ops[i], true
}

// Versions lists all versions of an operator, oldest first; none where it is unknown.
func Versions(domain, name string) []*Op {
	d := find(domain)
	if d == nil {
		return nil
	}
	var versions []*Op
	for i := d.after(name, 0); i < len(d.ops) && d.ops[i].Name == name; i++ {
		versions = append(versions, &d.ops[i])
	}
	return versions
}

// All gives every version of every operator: by domain, name, version.
func All() iter.Seq[*Op] {
	return func(yield func(*Op) bool) {
		for i := range domains {
			for j := range domains[i].ops {
				if !yield(&domains[i].ops[j]) {
					return
				}
			}
		}
	}
}

// Newest gives the newest opset of a domain, or 0 where the standard has no such domain.
func Newest(domain string) int64 {
	if d := find(domain); d != nil {
		return d.newest
	}
	return 0
}

// Domains lists the standard's domains, the default one, "", first.
func Domains() []string {
	names := make([]string, 0, len(domains))
	for i := range domains {
		names = append(names, domains[i].name)
	}
	return names
}
