//go:build unix

package wire_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gonyx/gonyx/onnx/wire"
)

// specialFiles puts what is no file of the model's own into dir, and gives a case for each.
func specialFiles(t *testing.T, dir, outside string) map[string]struct {
	model []byte
	want  string
} {
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Symlink(outside, in("absolute-link")))
	must(t, os.Symlink("../secret.bin", in("link-out")))
	must(t, os.Symlink("..", in("folder-out")))
	must(t, os.Symlink("link-out", in("link-to-link")))
	must(t, os.Symlink("ring", in("ring")))
	must(t, os.Symlink("/dev/zero", in("zero")))
	must(t, syscall.Mkfifo(in("pipe"), 0o666))
	cases := map[string]struct {
		model []byte
		want  string
	}{}
	for name, want := range map[string]string{
		"absolute-link":         "cannot be reached inside the model's folder",
		"link-out":              "cannot be reached inside the model's folder",
		"folder-out/secret.bin": "cannot be reached inside the model's folder",
		"link-to-link":          "cannot be reached inside the model's folder",
		"ring":                  "cannot be reached inside the model's folder",
		"zero":                  "cannot be reached inside the model's folder",
		"pipe":                  "this is not a regular file",
	} {
		cases[name] = struct {
			model []byte
			want  string
		}{external(name, entry("length", "24")), want}
	}
	if syscall.Mknod(in("device"), syscall.S_IFCHR|0o666, 1<<8|5) == nil { // for root alone: /dev/zero
		cases["device"] = struct {
			model []byte
			want  string
		}{external("device", entry("length", "24")), "this is a device, not a file"}
	}
	return cases
}

// A model that is no regular file is refused and not waited for.
func TestReadFileRefusesSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	for path, want := range map[string]string{
		filepath.Join(dir, "pipe"): "wire: " + filepath.Join(dir, "pipe") + ": this is not a regular file",
		"/dev/zero":                "wire: /dev/zero: this is a device, not a file",
		dir:                        "wire: " + dir + ": this is a folder, not a file",
		filepath.Join(dir, "gone"): "wire: " + filepath.Join(dir, "gone") + ": no such file or directory",
	} {
		if _, err := wire.ReadFile(path, wire.Options{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}
