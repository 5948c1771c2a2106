//go:build !amd64 || noasm

package kernels

func (s Set) lstmCell(h, c, in, o, f, y []float32) { lstmCellPortable(h, c, in, o, f, y) }

func (s Set) gruReset(dst, r, h []float32) { gruResetPortable(dst, r, h) }

func (s Set) gruUpdate(h, z, y []float32) { gruUpdatePortable(h, z, y) }

func (s Set) gruCell(h, z, r, y, rz, rr, ry []float32) { gruCellPortable(h, z, r, y, rz, rr, ry) }
