package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Our contestant loads a model, takes a turn, gives its output and tells its memory; what it cannot do is an answer, not an end.
func TestServe(t *testing.T) {
	folder := t.TempDir()
	list, err := duels(folder)
	if err != nil {
		t.Fatal(err)
	}
	var run, train *duel
	for i := range list {
		switch list[i].Name {
		case "vae, batch 1":
			run = &list[i]
		case "vae, training step, batch 100":
			train = &list[i]
		}
	}
	if run == nil || train == nil {
		t.Fatal("the vae is not among the duels")
	}
	output := filepath.Join(folder, "output")
	var in, out bytes.Buffer
	for _, r := range []request{
		{Do: "turn", Ms: 1}, {Do: "load", Kind: "run", Model: run.Model, Threads: 1, Inputs: run.In}, {Do: "turn", Ms: 1}, {Do: "output", Path: output},
		{Do: "memory"}, {Do: "dance"}, {Do: "load", Kind: "run", Model: folder, Threads: 1}, {Do: "load", Kind: "train", Model: train.Model, Threads: 1, Inputs: train.In},
		{Do: "turn", Ms: 1},
	} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	if err := serve(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for line := range strings.Lines(out.String()) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	for i, wrong := range []bool{true, false, false, false, false, true, true, false, false} {
		if i >= len(answers) || (answers[i].Error != "") != wrong {
			t.Fatalf("answer %d: got %+v, want an error: %v", i, answers, wrong)
		}
	}
	if a := answers[2]; a.Runs < 1 || !(a.Seconds > 0) {
		t.Errorf("a turn: got %+v", a)
	}
	if data, err := os.ReadFile(output); err != nil || len(data) != 4*784 {
		t.Errorf("output: got %d bytes and error %v, want %d", len(data), err, 4*784)
	}
}

func TestBaseline(t *testing.T) {
	path := filepath.Join(t.TempDir(), baselineFile)
	results := func(ratio float64) []*result {
		return []*result{{Duel: "a, batch 1", Threads: 1, Theirs: "X", Ratio: ratio}}
	}
	if err := writeBaseline(path, results(3)); err != nil {
		t.Fatal(err)
	}
	for phrase, c := range map[string]struct {
		results []*result
		failed  []string
		want    string
	}{
		"as it was":         {results(3), nil, ""},
		"a little worse":    {results(2.01), nil, ""},
		"much worse":        {results(1.99), nil, "ratio 1.99, 3.00 is kept"},
		"better":            {results(9), nil, ""},
		"a case failed":     {results(3), []string{"b"}, "b: failed"},
		"nothing in common": {nil, nil, "holds none of the cases"},
	} {
		err := compareBaseline(&strings.Builder{}, path, c.results, c.failed)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", phrase, err, c.want)
		}
	}
}

func TestApart(t *testing.T) {
	inf := float32(math.Inf(1))
	for phrase, c := range map[string]struct {
		a, b []float32
		ok   bool
	}{
		"equal":          {[]float32{1, 2}, []float32{1, 2}, true},
		"within":         {[]float32{1000}, []float32{1000.5}, true},
		"too far":        {[]float32{1}, []float32{1.01}, false},
		"another length": {[]float32{1}, []float32{1, 2}, false},
		"not a number":   {[]float32{float32(math.NaN())}, []float32{1}, false},
		"infinite":       {[]float32{inf}, []float32{1}, false},
	} {
		if d, err := apart(c.a, c.b); (err == nil) != c.ok {
			t.Errorf("%s: got %g and error %v", phrase, d, err)
		}
	}
}
