package kernels

import "testing"

// No core does less than a multiply-add each ten nanoseconds, or more than a hundred a picosecond.
func TestPeakIsOfThisWorld(t *testing.T) {
	for _, s := range Supported() {
		p := s.Peak()
		if s == Portable {
			if p != (Peak{}) {
				t.Errorf("%v: got %+v, want zero", s, p)
			}
			continue
		}
		for name, v := range map[string]float64{"flops": p.Flops, "bytes": p.Bytes} {
			if v < 1e8 || v > 1e14 {
				t.Errorf("%v: %s: got %g a second", s, name, v)
			}
		}
	}
}
