package features

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestReadYOLO(t *testing.T) {
	got, err := ReadYOLO(strings.NewReader("1 0.5 0.25 0.1 0.2\n\n0 0.125 1 1 1.000000\r\n"), "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := []Box{{1, 0.5, 0.25, 0.1, 0.2, 1}, {0, 0.125, 1, 1, 1, 1}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, err := ReadYOLO(strings.NewReader(""), "a.txt"); err != nil || len(got) != 0 {
		t.Errorf("an empty file: got %v, %v, want nothing", got, err)
	}
}

func TestReadYOLORefuses(t *testing.T) {
	for name, line := range map[string]string{
		"pixels":            "0 32 16 8 8",
		"a polygon":         "0 0.1 0.1 0.2 0.2 0.3 0.3",
		"a name":            "cat 0.1 0.1 0.2 0.2",
		"a class below 0":   "-1 0.1 0.1 0.2 0.2",
		"a class in pieces": "0.5 0.1 0.1 0.2 0.2",
		"not a number":      "0 nan 0.1 0.2 0.2",
		"no area":           "0 0.1 0.1 0 0.2",
	} {
		if _, err := ReadYOLO(strings.NewReader("0 0.5 0.5 0.1 0.1\n"+line+"\n"), "a.txt"); err == nil || !strings.Contains(err.Error(), "a.txt: line 2") {
			t.Errorf("%s: got %v, want an error that names a.txt and line 2", name, err)
		}
	}
}

// voc is an annotation as LabelImg writes it.
func voc(size, objects string) string {
	return "<annotation>\n\t<folder>x</folder>\n\t<filename>1.png</filename>\n\t<size>" + size + "<depth>3</depth></size>\n\t<segmented>0</segmented>\n" +
		objects + "</annotation>\n"
}

const vocSize = "<width>200</width><height>100</height>"

func vocObject(name, corners string) string {
	var c [4]string
	copy(c[:], strings.Fields(corners))
	return "<object><name>" + name + "</name><pose>Unspecified</pose><truncated>0</truncated><bndbox><xmin>" + c[0] + "</xmin><ymin>" + c[1] +
		"</ymin><xmax>" + c[2] + "</xmax><ymax>" + c[3] + "</ymax></bndbox></object>"
}

func TestReadVOC(t *testing.T) {
	got, err := ReadVOC(strings.NewReader(voc(vocSize, vocObject("cat", "20 10 60 50")+vocObject(" a rat ", "150.5 -5 210 100"))), "a.xml")
	if err != nil {
		t.Fatal(err)
	}
	want := []NamedBox{
		{"cat", Box{CX: 0.2, CY: 0.3, W: 0.2, H: 0.4, Score: 1}},
		{"a rat", Box{CX: 175.25 / 200, CY: 0.5, W: 49.5 / 200, H: 1, Score: 1}},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || math.Abs(g.CX-w.CX)+math.Abs(g.CY-w.CY)+math.Abs(g.W-w.W)+math.Abs(g.H-w.H) > 1e-12 {
			t.Errorf("got %v, want %v", g, w)
		}
	}
}

func TestReadVOCRefuses(t *testing.T) {
	cases := map[string]struct{ file, want string }{
		"no XML":              {"0 0.5 0.5 1 1", "a.xml"},
		"another kind of XML": {"<html></html>", "annotation"},
		"cut short":           {voc(vocSize, "")[:40], "a.xml"},
		"no size":             {voc("", vocObject("cat", "1 1 2 2")), "size"},
		"a size of nothing":   {voc("<width>0</width><height>5</height>", ""), "size"},
		"no name":             {voc(vocSize, vocObject("", "1 1 2 2")), "object 1"},
		"no box":              {voc(vocSize, "<object><name>cat</name></object>"), "object 1"},
		"corners swapped":     {voc(vocSize, vocObject("cat", "60 10 20 50")), "no area"},
		"beyond the picture":  {voc(vocSize, vocObject("cat", "300 10 320 50")), "no area"},
		"a corner of words":   {voc(vocSize, vocObject("cat", "left 10 20 50")), "a.xml"},
	}
	for name, c := range cases {
		if got, err := ReadVOC(strings.NewReader(c.file), "a.xml"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", name, got, err, c.want)
		}
	}
}

func FuzzBoxFiles(f *testing.F) {
	f.Add([]byte("0 0.5 0.5 0.25 1e-3\n"))
	f.Add([]byte(voc(vocSize, vocObject("cat", "20 10 60 50"))))
	f.Fuzz(func(t *testing.T, file []byte) {
		sound := func(b Box) bool {
			return b.CX >= 0 && b.CX <= 1 && b.CY >= 0 && b.CY <= 1 && b.W > 0 && b.W <= 1 && b.H > 0 && b.H <= 1
		}
		if boxes, err := ReadYOLO(bytes.NewReader(file), "fuzz"); err == nil {
			for _, b := range boxes {
				if !sound(b) {
					t.Errorf("got %v of YOLO text", b)
				}
			}
		}
		if boxes, err := ReadVOC(bytes.NewReader(file), "fuzz"); err == nil {
			for _, b := range boxes {
				if !sound(b.Box) {
					t.Errorf("got %v of VOC XML", b)
				}
			}
		}
	})
}
