package kernels

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// processor is the one on which the caller runs at the moment, -1 where the system
// does not say.
func processor() int {
	var n uint32
	if _, _, err := syscall.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&n)), 0, 0); err != 0 {
		return -1
	}
	return int(n)
}

// leave moves the caller to another processor if it runs on a busy one and may run
// elsewhere. The system wakes a thread where the one that wakes it runs, and may take
// milliseconds to see that both could work at once.
func leave(busy int) {
	if busy < 0 || processor() != busy {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	if processor() != busy || unix.SchedGetaffinity(0, &all) != nil {
		return
	}
	others := all
	if others.Clear(busy); others.Count() > 0 && unix.SchedSetaffinity(0, &others) == nil {
		unix.SchedSetaffinity(0, &all) // it stays where it is until there is a reason
	}
}
