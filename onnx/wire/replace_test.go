package wire

import (
	"os"
	"path/filepath"
	"testing"
)

// Where the model cannot take its place, the data that already took its own is put back.
func TestReplaceIsAllOrNothing(t *testing.T) {
	cases := map[string]struct {
		old  string // content of the data file before; "" where there was none
		fail bool
		want string // content after
	}{
		"both take their place":        {"old", false, "new"},
		"the first time":               {"", false, "new"},
		"the model fails":              {"old", true, "old"},
		"the model fails, none before": {"", true, ""},
	}
	for name, c := range cases {
		dir := t.TempDir()
		in := func(name string) string { return filepath.Join(dir, name) }
		write := func(path, content string) {
			if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if c.old != "" {
			write(in("m.data"), c.old)
		}
		write(in("temp.data"), "new")
		want := 1
		if !c.fail {
			write(in("temp"), "model")
			want++
		} else if c.old == "" {
			want--
		}
		err := replace([]rename{{in("temp.data"), in("m.data")}, {in("temp"), in("m")}})
		if (err != nil) != c.fail {
			t.Errorf("%s: got %v", name, err)
		}
		if got, _ := os.ReadFile(in("m.data")); string(got) != c.want {
			t.Errorf("%s: got data %q, want %q", name, got, c.want)
		}
		if left, _ := os.ReadDir(dir); len(left) != want {
			t.Errorf("%s: got files %v, want %d", name, left, want)
		}
	}
}
