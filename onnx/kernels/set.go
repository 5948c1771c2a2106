package kernels

// Set is a family of kernels that compute the same things on one kind of
// processor. It is a comparable value; the zero value is Portable.
type Set struct{ isa isa }

type isa uint8

const (
	portable isa = iota
	avx2
	avx512
)

// Portable is the set written in plain Go. It runs everywhere and is what the
// other sets are tested against.
var Portable = Set{}

// Supported lists the sets that this processor and build can run, Portable first
// and the fastest last. The slice is the caller's own.
func Supported() []Set {
	return append([]Set{Portable}, accelerated()...)
}

// Best is the fastest supported set.
func Best() Set {
	all := Supported()
	return all[len(all)-1]
}

// String is the set's name: "portable", "avx2" or "avx512".
func (s Set) String() string {
	switch s.isa {
	case avx2:
		return "avx2"
	case avx512:
		return "avx512"
	}
	return "portable"
}

// Parse finds a supported set by its name; ok is false when there is none.
func Parse(name string) (s Set, ok bool) {
	for _, s := range Supported() {
		if s.String() == name {
			return s, true
		}
	}
	return Set{}, false
}
