// Command quality trains every network as its reference was trained, measures it on rows that training never saw, and prints a Markdown table
// of the figures beside those that PyTorch got with the same settings, one run each; then the same for the networks' own recipes.
// It takes a while and fetches MNIST.
//
//	go run ./scripts/quality [-data FOLDER] [NAME...]
//
// FOLDER holds ag_news/train.csv and ag_news/test.csv; without it the news are left out. Names choose among the runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// study is one training run and the figure that judges it.
type study struct {
	name      string
	spec      trainers.Spec
	test      func(*trainers.Job) (datasets.Dataset, error)
	figure    string // a loss or a metric
	higher    bool   // whether more is better
	reference float64
	slack     float64 // how far from the reference is still as good: a part of it
	settings  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	data := flag.String("data", "", "folder with ag_news/train.csv and ag_news/test.csv")
	flag.Parse()
	if err := run(ctx, *data, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, data string, names []string) error {
	fmt.Println("| run | settings | figure | Gonyx | PyTorch | within |")
	fmt.Println("|---|---|---|---|---|---|")
	var short []string
	for _, s := range studies(data) {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		figures, err := s.measure(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		got, verdict := figures[s.figure], "–"
		if s.reference != 0 {
			verdict = "yes"
			if !s.reached(got) {
				verdict = "NO"
				short = append(short, s.name)
			}
		}
		reference := "–"
		if s.reference != 0 {
			reference = fmt.Sprintf("%.4g", s.reference)
		}
		fmt.Printf("| %s | %s | %s | %.4f | %s | %s |\n", s.name, s.settings, s.figure, got, reference, verdict)
		for _, f := range figures.others(s.figure) {
			fmt.Printf("| | | %s | %.4f | | |\n", f, figures[f])
		}
	}
	if short != nil {
		return errors.New("short of the reference: " + strings.Join(short, ", "))
	}
	return nil
}

func (s study) reached(got float64) bool {
	if s.higher {
		return got >= s.reference*(1-s.slack)
	}
	return got <= s.reference*(1+s.slack)
}

// measured are figures by name.
type measured map[string]float64

func (m measured) others(but string) []string {
	var names []string
	for name := range m {
		if name != but {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s study) measure(ctx context.Context) (measured, error) {
	job, err := s.spec.Prepare()
	if err != nil {
		return nil, err
	}
	o := job.Options()
	o.Progress = func(e trainers.Event) {
		if e.Kind == trainers.EpochDone {
			fmt.Fprintf(os.Stderr, "%s: epoch %d of %d, loss %.4f\n", s.name, e.Epoch, e.Epochs, e.Means[0])
		}
	}
	r, err := trainers.Fit(ctx, job.Network, job.Data, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	test, err := s.test(job)
	if err != nil {
		return nil, err
	}
	m, err := r.Measure(r.Best, test)
	if err != nil {
		return nil, err
	}
	figures := measured{"loss": m.Losses[0]}
	for i, term := range job.Network.Terms {
		figures["loss_"+term] = m.Losses[i+1]
	}
	for _, metric := range m.Metrics {
		figures[metric.Name] = metric.Value
	}
	if m.Detections != nil {
		for _, c := range m.Detections.Precision().Classes {
			figures["ap50 of "+c.Name] = c.AP50
		}
	}
	return figures, nil
}

// studies lists the runs: those of the references first, then the networks' own recipes.
func studies(folder string) []study {
	none, tenth := 0.0, 0.1
	const adadelta = "adadelta:rho=0.95,eps=1e-7"
	digits := func(*trainers.Job) (datasets.Dataset, error) {
		return datasets.Open("mnist", datasets.Config{Set: map[string]string{"part": "test"}})
	}
	words := func(*trainers.Job) (datasets.Dataset, error) {
		return datasets.Open("words", datasets.Config{Limit: 500, Seed: 1 << 40, Set: map[string]string{"fresh": "false"}})
	}
	list := []study{
		{"autoencoder", trainers.Spec{Network: "autoencoder", Data: "mnist", Epochs: 10, BatchSize: 100, Optimizer: adadelta, ValidationSplit: &none},
			digits, "loss", false, 0.1229, 0.02, "10 epochs, batch 100, Adadelta"},
		{"conv-autoencoder", trainers.Spec{Network: "conv-autoencoder", Data: "mnist", Epochs: 1, BatchSize: 100, Optimizer: adadelta, ValidationSplit: &none},
			digits, "loss", false, 0.1623, 0.02, "1 epoch, batch 100, Adadelta"},
		{"vae", trainers.Spec{Network: "vae", Data: "mnist", Limit: 1000, Epochs: 40, BatchSize: 100, Optimizer: "adam", ValidationSplit: &none},
			digits, "loss", false, 188.4, 0.02, "first 1,000 images, 40 epochs, batch 100, Adam"},
		{"yolo", trainers.Spec{Network: "yolo", Data: "words", Limit: 5000, Epochs: 40, BatchSize: 64, Optimizer: "adam", Schedule: "cosine", ValidationSplit: &none},
			words, "map50", true, 0.973, 0.02 / 0.973, "5,000 fresh images an epoch, 40 epochs, batch 64, Adam 0.001, cosine; 500 held-out images"},
		{"autoencoder by default", trainers.Spec{Network: "autoencoder", Data: "mnist", ValidationSplit: &tenth}, digits, "loss", false, 0, 0, "its recipe"},
		{"conv-autoencoder by default", trainers.Spec{Network: "conv-autoencoder", Data: "mnist", ValidationSplit: &tenth}, digits, "loss", false, 0, 0, "its recipe"},
		{"vae by default", trainers.Spec{Network: "vae", Data: "mnist", ValidationSplit: &tenth}, digits, "loss", false, 0, 0, "its recipe"},
		{"yolo by default", trainers.Spec{Network: "yolo", ValidationSplit: &tenth}, words, "map50", true, 0, 0, "its recipe"},
	}
	if folder == "" {
		return list
	}
	train, held := filepath.Join(folder, "ag_news", "train.csv"), filepath.Join(folder, "ag_news", "test.csv")
	texts := func(job *trainers.Job) (datasets.Dataset, error) {
		return datasets.Open(held, datasets.Config{Features: job.Network.Features, Layout: features.Layout{TextColumn: "1", LabelColumn: "0"}})
	}
	return append(list,
		study{"news", trainers.Spec{Network: "news", Data: train, TextColumn: "1", LabelColumn: "0", Epochs: 2, BatchSize: 32, Optimizer: "adam", ValidationSplit: &none},
			texts, "accuracy", true, 0.845, 0.02, "4,000 rows of AG's news, 10,000 words, 2 epochs, batch 32, Adam"},
		study{"news by default", trainers.Spec{Network: "news", Data: train, TextColumn: "1", LabelColumn: "0", ValidationSplit: &tenth},
			texts, "accuracy", true, 0, 0, "its recipe"})
}
