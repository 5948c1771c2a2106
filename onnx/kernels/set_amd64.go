//go:build amd64 && !noasm

package kernels

import "golang.org/x/sys/cpu"

// accelerated lists what this processor can run beyond Portable. A set's kernels
// use nothing but the features asked for here.
func accelerated() []Set {
	var sets []Set
	if cpu.X86.HasAVX && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		sets = append(sets, Set{avx2})
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
			sets = append(sets, Set{avx512})
		}
	}
	return sets
}
