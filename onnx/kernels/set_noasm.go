//go:build !amd64 || noasm

package kernels

func accelerated() []Set { return nil }
