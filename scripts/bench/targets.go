package main

import (
	"fmt"
	"math"
	"slices"
)

// target is a ratio that this suite is meant to reach.
type target struct {
	least   float64
	reached func([]*result) (reach, bool) // false where nothing of the kind was played
}

// reach is what a target comes to, and where or how.
type reach struct {
	ratio float64
	note  string
	match *result // of a model or network that is run; nil where it is of several or of training
}

// grid is a table of targets.
type grid struct {
	title, corner string
	columns       []string
	rows          []row
}

type row struct {
	name  string
	cells []target // one a column; without reached there is no target
}

// grids are the targets in the order of the page.
func grids() []grid {
	batches := []int{1, 32, 100}
	networks := grid{title: "Networks, against ONNX Runtime", corner: "batch", columns: []string{"1 thread, 1", "32", "100", "2 threads, 1", "32", "100"}}
	for _, n := range []struct {
		subject  string
		one, two [3]float64
	}{
		{"news", [3]float64{100, 20, 12}, [3]float64{50, 8, 6}},
		{"news, dense rows", [3]float64{1.1, 1, 0.95}, [3]float64{0.9, 0.9, 0.9}},
		{"autoencoder", [3]float64{1.4, 1.1, 1.05}, [3]float64{2, 1.15, 1.2}},
		{"conv-autoencoder", [3]float64{3.5, 3, 3}, [3]float64{4, 3, 3}},
		{"yolo", [3]float64{2, 2.2, 2.2}, [3]float64{1.5, 2, 2}},
		{"vae", [3]float64{1.8, 1.2, 1.2}, [3]float64{1.8, 1.1, 1}},
	} {
		r := row{name: n.subject}
		for i, bars := range [][3]float64{n.one, n.two} {
			for k, least := range bars {
				r.cells = append(r.cells, single(fmt.Sprintf("%s, batch %d", n.subject, batches[k]), i+1, least))
			}
		}
		networks.rows = append(networks.rows, r)
	}
	shapes := grid{title: "Shapes and models of others, against ONNX Runtime", corner: "case", columns: []string{"1 thread", "2 threads"}}
	for _, name := range []string{"GEMM 1024³", "conv 64→64 3×3 on 56², batch 1", "conv 64→64 3×3 on 56², batch 32", "depthwise 3×3 on 112²×32, batch 1",
		"depthwise 3×3 on 112²×32, batch 32", "1×1 128→128 on 28², batch 1", "1×1 128→128 on 28², batch 32"} {
		shapes.rows = append(shapes.rows, row{name, []target{single(name, 1, 1), single(name, 2, 0.95)}})
	}
	shapes.rows = append(shapes.rows, row{"three real models, geometric mean", []target{geometric(1, 1), geometric(2, 0.95)}})
	training := grid{title: "Training step, the best thread count of each", corner: "network", columns: []string{pyTorch, gorgonia}}
	for _, n := range []struct {
		subject      string
		torch, stock float64
	}{{"news", 4, 10}, {"autoencoder", 2.2, 20}, {"conv-autoencoder", 3, 15}, {"yolo", 2.2, 15}, {"vae", 2.2, 10}} {
		training.rows = append(training.rows, row{n.subject, []target{best(pyTorch, n.subject, n.torch), best(gorgonia, n.subject, n.stock)}})
	}
	peers := grid{title: "Networks, against engines in Go, the least ratio of all batches and threads", corner: "network"}
	for _, program := range runners() {
		peers.columns = append(peers.columns, peerName(program))
	}
	for _, n := range networks.rows {
		r := row{name: n.name}
		for _, name := range peers.columns {
			r.cells = append(r.cells, lowest(name, n.name, 10))
		}
		peers.rows = append(peers.rows, r)
	}
	return []grid{networks, shapes, training, peers}
}

// single is the ratio of one match against ONNX Runtime.
func single(name string, threads int, least float64) target {
	return target{least, func(list []*result) (reach, bool) {
		for _, r := range list {
			if r.Theirs == onnxRuntime && r.Duel == name && r.Threads == threads {
				return reach{ratio: r.Ratio, match: r}, true
			}
		}
		return reach{}, false
	}}
}

// best divides their fastest training step by our fastest, each on as many threads as suit it.
func best(theirs, subject string, least float64) target {
	return target{least, func(list []*result) (reach, bool) {
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
		if math.IsInf(ours, 1) {
			return reach{}, false
		}
		return reach{ratio: other / ours, note: fmt.Sprintf("%s on %d against %s on %d", spell(ours), ourThreads, spell(other), theirThreads)}, true
	}}
}

// geometric is the geometric mean of the real models.
func geometric(threads int, least float64) target {
	return target{least, func(list []*result) (reach, bool) {
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

// lowest is the least ratio of a network against a contestant.
func lowest(theirs, subject string, least float64) target {
	return target{least, func(list []*result) (reach, bool) {
		found := reach{ratio: math.Inf(1)}
		for _, r := range list {
			if r.Theirs == theirs && r.Subject == subject && r.Kind == "run" && r.Ratio < found.ratio {
				found = reach{r.Ratio, label(r.Duel, r.Threads), r}
			}
		}
		return found, !math.IsInf(found.ratio, 1)
	}}
}

// frugality is what is required of every case: that ours takes no more of something than ONNX Runtime.
type frugality struct {
	what string
	of   func(*result) (ours, theirs float64)
}

func frugalities() []frugality {
	return []frugality{
		{"start", func(r *result) (float64, float64) { return r.OurStart, r.TheirStart }},
		{"memory", func(r *result) (float64, float64) { return float64(r.OurMemory), float64(r.TheirMemory) }},
	}
}

// weigh gives theirs divided by ours of every case against ONNX Runtime, in order, and the cases in which ours is more.
func (f frugality) weigh(list []*result) (ratios []float64, more []string) {
	for _, r := range list {
		if r.Theirs != onnxRuntime {
			continue
		}
		ours, theirs := f.of(r)
		ratio := theirs / max(ours, 1e-9)
		ratios = append(ratios, ratio)
		if ratio < 1 {
			more = append(more, fmt.Sprintf("%s (%.2f)", label(r.Duel, r.Threads), ratio))
		}
	}
	slices.Sort(ratios)
	return ratios, more
}
