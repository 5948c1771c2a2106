package kernels

import "testing"

func TestSetsHaveNames(t *testing.T) {
	if Supported()[0] != Portable {
		t.Fatalf("first set: got %v, want portable", Supported()[0])
	}
	for _, s := range Supported() {
		if got, ok := Parse(s.String()); !ok || got != s {
			t.Errorf("Parse(%q): got %v, %v, want the set itself", s, got, ok)
		}
	}
	if _, ok := Parse("mmx"); ok {
		t.Error("Parse(mmx): got a set, want none")
	}
}
