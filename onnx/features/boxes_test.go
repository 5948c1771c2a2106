package features

import (
	"math"
	"reflect"
	"testing"
)

func TestIOU(t *testing.T) {
	square := Box{CX: 10, CY: 10, W: 4, H: 4}
	cases := map[string]struct {
		other Box
		want  float64
	}{
		"itself":                    {square, 1},
		"half a side to the right":  {Box{CX: 12, CY: 10, W: 4, H: 4}, 8. / 24},
		"touching":                  {Box{CX: 14, CY: 10, W: 4, H: 4}, 0},
		"far away":                  {Box{CX: 100, CY: 100, W: 4, H: 4}, 0},
		"inside":                    {Box{CX: 10.5, CY: 10, W: 2, H: 2}, 4. / 16},
		"around":                    {Box{CX: 11, CY: 11, W: 40, H: 40}, 16. / 1600},
		"a cross":                   {Box{CX: 10, CY: 10, W: 2, H: 8}, 8. / 24},
		"a corner":                  {Box{CX: 13, CY: 13, W: 4, H: 4}, 1. / 31},
		"a box without area":        {Box{CX: 10, CY: 10}, 0},
		"another class, same place": {Box{Class: 3, CX: 10, CY: 10, W: 4, H: 4}, 1},
	}
	for name, c := range cases {
		for _, got := range []float64{IOU(square, c.other), IOU(c.other, square)} {
			if math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestSuppress(t *testing.T) {
	at := func(class int, cx, score float64) Box {
		return Box{Class: class, CX: cx, CY: 5, W: 10, H: 10, Score: score}
	}
	cases := map[string]struct {
		boxes     []Box
		threshold float64
		want      []Box
	}{
		"nothing":                          {nil, 0.5, nil},
		"the better of two stays":          {[]Box{at(0, 5, 0.4), at(0, 6, 0.9)}, 0.5, []Box{at(0, 6, 0.9)}},
		"another class stays":              {[]Box{at(0, 5, 0.4), at(1, 6, 0.9)}, 0.5, []Box{at(1, 6, 0.9), at(0, 5, 0.4)}},
		"apart enough stays":               {[]Box{at(0, 5, 0.9), at(0, 9, 0.4)}, 0.5, []Box{at(0, 5, 0.9), at(0, 9, 0.4)}},
		"overlap just at the threshold":    {[]Box{at(0, 5, 0.9), at(0, 10, 0.4)}, 1. / 3, []Box{at(0, 5, 0.9), at(0, 10, 0.4)}},
		"what a dropped box covered stays": {[]Box{at(0, 5, 0.9), at(0, 9, 0.8), at(0, 13, 0.7)}, 0.4, []Box{at(0, 5, 0.9), at(0, 13, 0.7)}},
		"of equals the first":              {[]Box{at(0, 6, 0.5), at(0, 5, 0.5)}, 0.5, []Box{at(0, 6, 0.5)}},
		"a threshold of one keeps all":     {[]Box{at(0, 5, 0.5), at(0, 5, 0.4)}, 1, []Box{at(0, 5, 0.5), at(0, 5, 0.4)}},
	}
	for name, c := range cases {
		if got := Suppress(c.boxes, c.threshold); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
