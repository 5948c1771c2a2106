package kernels

// accelerated lists what the processor can run beyond Portable.
func accelerated() []Set { return nil }
