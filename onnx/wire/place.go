package wire

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// fault is an error with the places it lies in, innermost first.
type fault struct {
	places []string
	err    error
}

// maxPlaces is how many places a message shows; of a longer path it shows both ends.
const maxPlaces = 12

func (f *fault) Error() string {
	var b strings.Builder
	for i := len(f.places) - 1; i >= 0; i-- {
		if len(f.places) > maxPlaces && i == len(f.places)-1-maxPlaces/2 {
			b.WriteString("…: ")
			i = maxPlaces/2 - 1
		}
		b.WriteString(f.places[i])
		b.WriteString(": ")
	}
	b.WriteString(f.err.Error())
	return b.String()
}

func (f *fault) Unwrap() error { return f.err }

// at says where err lies.
func at(err error, place string) error {
	if f, ok := err.(*fault); ok {
		f.places = append(f.places, place)
		return f
	}
	return &fault{places: []string{place}, err: err}
}

// place names the i-th message of a list: by its name where it has one, nodes also by their number.
func place(label string, i int, name string) string {
	if name == "" {
		return label + " " + strconv.Itoa(i)
	}
	if label == "node" {
		label += " " + strconv.Itoa(i)
	}
	return label + " " + quote(name)
}

// quote makes a name from a file fit for one line of a terminal.
func quote(name string) string {
	const most = 80
	if len(name) > most {
		name = name[:most] + "…"
	}
	return strconv.Quote(name)
}

// nameIn looks a message's name up for an error message; "" where field 0 is asked for or the bytes are broken.
func nameIn(message []byte, field protowire.Number) string {
	name := ""
	for r := (reader{rest: message}); field > 0 && r.next(); {
		if r.num == field && r.typ == protowire.BytesType {
			name = string(r.bytes)
		}
	}
	return name
}
