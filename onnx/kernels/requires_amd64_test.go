//go:build amd64 && !noasm

package kernels

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the generator says that a kernel requires must be what set_amd64.go asks
// the processor for. CMOV, SSE, SSE2 and the prefetches, which the generator counts
// to MMX+, are part of amd64.
func TestKernelsRequireWhatTheGateAsksFor(t *testing.T) {
	gate := map[string]string{"AVX2": "MMX+ CMOV SSE SSE2 AVX AVX2 FMA3", "VNNI": "CMOV SSE SSE2 AVX AVX2 AVX512F AVX512VL AVX512DQ AVX512BW AVX512VNNI",
		"AVX512": "MMX+ CMOV SSE SSE2 AVX AVX2 FMA3 AVX512F AVX512VL AVX512DQ AVX512BW"}
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("assembly files: got %v, %v", files, err)
	}
	head := regexp.MustCompile(`// func (\w+?)(AVX2|AVX512|VNNI)(Tail)?\(.*\n// Requires: (.*)\n`)
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range head.FindAllStringSubmatch(string(text), -1) {
			seen++
			for _, need := range strings.Split(m[4], ", ") {
				if !strings.Contains(" "+gate[m[2]]+" ", " "+need+" ") {
					t.Errorf("%s: %s%s requires %s, which the gate of its set does not ask for", file, m[1], m[2], need)
				}
			}
		}
		if n := strings.Count(string(text), "\nTEXT "); n != len(head.FindAllString(string(text), -1)) {
			t.Errorf("%s: %d kernels, of which %d say what they require", file, n, len(head.FindAllString(string(text), -1)))
		}
	}
	if seen < 50 {
		t.Errorf("kernels found: got %d, want all of them", seen)
	}
}
