package ops

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// A domain that is imported twice at one version, as scikit-learn's converter writes it, is a warning; at two versions it is an error.
func TestOpsetsThatAreImportedTwice(t *testing.T) {
	for phrase, c := range map[string]struct {
		more    onnx.Opset
		warning string
		failure string
	}{
		"the same version":                   {onnx.Opset{Version: 17}, "twice", ""},
		"the same version, the domain named": {onnx.Opset{Domain: "ai.onnx", Version: 17}, "twice", ""},
		"another version":                    {onnx.Opset{Domain: "ai.onnx", Version: 11}, "", "twice, at 17 and at 11"},
		"another domain":                     {onnx.Opset{Domain: "ai.onnx.ml", Version: 1}, "", ""},
	} {
		g := outer([]*onnx.ValueInfo{value("x", f32("3"))}, named("y"), line("y = Relu(x)"))
		g.Opsets = []onnx.Opset{{Version: 17}, c.more}
		warnings, err := Check(&onnx.Model{IRVersion: 8, Graph: g}, 0)
		if (err == nil) != (c.failure == "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("%s: got error %v, want %q", phrase, err, c.failure)
			continue
		}
		if got := strings.Join(warnings, "\n"); (got == "") != (c.warning == "") || !strings.Contains(got, c.warning) {
			t.Errorf("%s: got warnings %q, want %q", phrase, got, c.warning)
		}
		if err != nil {
			continue
		}
		out, err := Convert(g, 21)
		if err != nil {
			t.Fatal(err)
		}
		versions := 0
		for _, o := range out.Opsets {
			if onnx.NormalDomain(o.Domain) == onnx.DomainDefault {
				versions++
			}
		}
		if versions != 1 || out.Opset(onnx.DomainDefault) != 21 {
			t.Errorf("%s: got imports %v, want one of the default domain, at 21", phrase, out.Opsets)
		}
	}
}
