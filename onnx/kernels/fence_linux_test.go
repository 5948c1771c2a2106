//go:build linux

package kernels

import (
	"syscall"
	"testing"
	"unsafe"
)

// newFence is memory between two pages that nobody may touch: reading or writing
// one element too far ends the test program.
func newFence(t testing.TB, n int) fence {
	t.Helper()
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mprotect(m[page:page+size], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	return fence{unsafe.Slice((*float32)(unsafe.Pointer(&m[page])), size/4)}
}
