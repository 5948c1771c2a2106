// Package trainers fits networks to data: the loop over epochs and batches, solvers and schedules, validation, checkpoints and
// resuming. [Fit] does the work; a [Spec] is a run as a person describes it, and a run directory is what it leaves behind.
//
// It must not know the command line, pictures or how files are exported. Level 5: it imports trainers/lowering,
// trainers/datasets, trainers/metrics, graphs/networks, onnx/backend and what these may; Gorgonia's solvers are spoken to
// here.
package trainers
