package kernels

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAThreadLeavesABusyProcessorAndMayComeBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Skipf("the system does not say where a thread may run: %v", err)
	}
	if before.Count() < 2 {
		t.Skip("there is one processor")
	}
	moved := 0
	for range 20 {
		busy := processor()
		leave(busy)
		if processor() != busy {
			moved++
		}
	}
	if moved == 0 {
		t.Error("the thread never moved")
	}
	leave(-1)
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("processors the thread may use: got %v, %v, want %v", after, err, before)
	}
}
