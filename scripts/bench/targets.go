package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// target is a ratio that this suite is meant to reach.
type target struct {
	what    string
	least   float64
	reached func([]*result) (reach, bool)
}

// reach is what a target comes to. Where it is taken from one match alone it has the spread of its rounds.
type reach struct {
	ratio, least, greatest float64
	note                   string
}

// section is a heading with its targets.
type section struct {
	title   string
	targets []target
}

// bars are what a network's ratios must reach: against ONNX Runtime at a batch of 1, 32 and 100, on one thread and on two, and against
// PyTorch's training step.
type bars struct {
	subject  string
	one, two [3]float64
	torch    float64 // 0 for none
}

// sections are the targets in the order of the page.
func sections() []section {
	runtime := section{title: "ONNX Runtime, same threads"}
	torch := section{title: "PyTorch's training step, the best thread count of each"}
	for _, b := range []bars{
		{"news", [3]float64{100, 20, 12}, [3]float64{50, 8, 6}, 4},
		{"news, dense rows", [3]float64{1.1, 1, 0.95}, [3]float64{0.9, 0.9, 0.9}, 0},
		{"autoencoder", [3]float64{1.4, 1.1, 1.05}, [3]float64{2, 1.15, 1.2}, 2.2},
		{"conv-autoencoder", [3]float64{3.5, 3, 3}, [3]float64{4, 3, 3}, 3},
		{"yolo", [3]float64{2, 2.2, 2.2}, [3]float64{1.5, 2, 2}, 2.2},
		{"vae", [3]float64{1.8, 1.2, 1.2}, [3]float64{1.8, 1.1, 1}, 2.2},
	} {
		for threads, list := range [][3]float64{b.one, b.two} {
			for i, batch := range []int{1, 32, 100} {
				runtime.targets = append(runtime.targets, single(onnxRuntime, fmt.Sprintf("%s, batch %d", b.subject, batch), threads+1, list[i]))
			}
		}
		if b.torch > 0 {
			torch.targets = append(torch.targets, best(pyTorch, b.subject, b.torch))
		}
	}
	for _, name := range []string{"GEMM 1024³", "conv 64→64 3×3 on 56², batch 1", "conv 64→64 3×3 on 56², batch 32", "depthwise 3×3 on 112²×32, batch 1",
		"depthwise 3×3 on 112²×32, batch 32", "1×1 128→128 on 28², batch 1", "1×1 128→128 on 28², batch 32"} {
		runtime.targets = append(runtime.targets, single(onnxRuntime, name, 1, 1), single(onnxRuntime, name, 2, 0.95))
	}
	runtime.targets = append(runtime.targets, geometric(1, 1), geometric(2, 0.95))
	peers := section{title: "Go peers, the least ratio of all batches and threads"}
	for _, subject := range []string{"news", "news, dense rows", "autoencoder", "conv-autoencoder", "yolo", "vae"} {
		for _, program := range []string{"gorgonnx", "gonnx", "gomlx"} {
			peers.targets = append(peers.targets, lowest(peerNames()[program], subject, "run", 10))
		}
	}
	stock := section{title: "Gorgonia's training step, the best thread count of each"}
	for subject, least := range map[string]float64{"autoencoder": 20, "conv-autoencoder": 15, "yolo": 15, "news": 10, "vae": 10} {
		stock.targets = append(stock.targets, best(gorgonia, subject, least))
	}
	slices.SortFunc(stock.targets, func(a, b target) int { return strings.Compare(a.what, b.what) })
	return []section{runtime, torch, peers, stock, {title: "Start and memory, against ONNX Runtime", targets: []target{
		overall("start: theirs by ours, median of all cases", func(r *result) (float64, float64) { return r.OurStart, r.TheirStart }),
		overall("memory: theirs by ours, median of all cases", func(r *result) (float64, float64) { return float64(r.OurMemory), float64(r.TheirMemory) }),
	}}}
}

// single is the ratio of one match.
func single(theirs, name string, threads int, least float64) target {
	return target{label(name, threads), least, func(list []*result) (reach, bool) {
		for _, r := range list {
			if r.Theirs == theirs && r.Duel == name && r.Threads == threads {
				return reach{r.Ratio, r.Least, r.Greatest, ""}, true
			}
		}
		return reach{}, false
	}}
}

// best divides their fastest training step by our fastest, each on as many threads as suit it.
func best(theirs, subject string, least float64) target {
	return target{subject, least, func(list []*result) (reach, bool) {
		ours, other := math.Inf(1), math.Inf(1)
		var ourThreads, theirThreads int
		for _, r := range list {
			if r.Theirs != theirs || r.Subject != subject || r.Kind != "train" {
				continue
			}
			if r.OurSeconds < ours {
				ours, ourThreads = r.OurSeconds, r.Threads
			}
			if r.TheirSeconds < other {
				other, theirThreads = r.TheirSeconds, r.Threads
			}
		}
		return reach{ratio: other / ours, note: fmt.Sprintf("%s on %d against %s on %d", spell(ours), ourThreads, spell(other), theirThreads)}, !math.IsInf(ours, 1)
	}}
}

// geometric is the geometric mean of the real models.
func geometric(threads int, least float64) target {
	return target{label("three real models, geometric mean", threads), least, func(list []*result) (reach, bool) {
		sum, n := 0.0, 0
		for _, r := range list {
			if r.Subject == realModels && r.Theirs == onnxRuntime && r.Threads == threads {
				sum += math.Log(r.Ratio)
				n++
			}
		}
		return reach{ratio: math.Exp(sum / float64(n)), note: fmt.Sprintf("of %d", n)}, n > 0
	}}
}

// lowest is the least ratio of a subject against a contestant.
func lowest(theirs, subject, kind string, least float64) target {
	return target{theirs + ": " + subject, least, func(list []*result) (reach, bool) {
		found := reach{ratio: math.Inf(1)}
		for _, r := range list {
			if r.Theirs == theirs && r.Subject == subject && r.Kind == kind && r.Ratio < found.ratio {
				found = reach{r.Ratio, r.Least, r.Greatest, label(r.Duel, r.Threads)}
			}
		}
		return found, !math.IsInf(found.ratio, 1)
	}}
}

// overall is the median over all cases against ONNX Runtime of theirs divided by ours, which says in how many cases ours is not more.
func overall(what string, of func(*result) (ours, theirs float64)) target {
	return target{what, 1, func(list []*result) (reach, bool) {
		var ratios []float64
		met := 0
		for _, r := range list {
			if r.Theirs != onnxRuntime {
				continue
			}
			ours, theirs := of(r)
			if ours <= theirs {
				met++
			}
			ratios = append(ratios, theirs/max(ours, 1e-9))
		}
		if ratios == nil {
			return reach{}, false
		}
		return reach{median(ratios), slices.Min(ratios), slices.Max(ratios), fmt.Sprintf("no more in %d of %d cases", met, len(ratios))}, true
	}}
}
