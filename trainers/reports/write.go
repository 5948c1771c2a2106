package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// CurvesFile has the curves of a run in its directory; every run has it.
const CurvesFile = "results.png"

// run is a finished run as its pictures see it.
type run struct {
	dir    string
	job    *trainers.Job
	result *trainers.Result
	data   datasets.Dataset // rows that are shown and measured: those held out, or those trained on where there are none
	epoch  int              // of data, from 0
}

// findings is what a task adds to the curves.
type findings struct {
	pictures []picture
	tables   []file
	text     string // Markdown, a part of the results
}

// file is one of a run directory that is no picture.
type file struct {
	name  string
	write func(io.Writer) error
}

// Write draws the pictures of a run and writes its report.md; the run directory must hold the exported model. verification is
// the table of the proof that the exporter gave, as plain text; empty where there is none. It gives the names of the files written, within dir. Every file
// appears whole or not at all, and the same run gives the same pictures.
func Write(ctx context.Context, dir string, job *trainers.Job, result *trainers.Result, verification string) ([]string, error) {
	r := &run{dir: dir, job: job, result: result, data: result.Validation}
	if r.data == nil {
		r.data, r.epoch = result.Train, max(0, result.BestEpoch-1)
	}
	found, err := r.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	pictures := append([]picture{r.curves()}, found.pictures...)
	var files []string
	for _, p := range pictures {
		if err := p.write(dir); err != nil {
			return files, fmt.Errorf("report: %w", err)
		}
		files = append(files, p.file)
	}
	for _, t := range found.tables {
		if err := rows.WriteFile(filepath.Join(dir, t.name), t.write); err != nil {
			return files, fmt.Errorf("report: %w", err)
		}
		files = append(files, t.name)
	}
	text, err := r.markdown(pictures, found.text, verification)
	if err != nil {
		return files, fmt.Errorf("report: %w", err)
	}
	err = rows.WriteFile(filepath.Join(dir, trainers.ReportFile), func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return files, fmt.Errorf("report: %w", err)
	}
	return append(files, trainers.ReportFile), nil
}

// find looks at what the run's files do, by the network's task.
func (r *run) find(ctx context.Context) (found *findings, err error) {
	switch r.task() {
	case features.TaskDetection:
		found, err = r.detection(ctx)
	case features.TaskClassification:
		found, err = r.classification(ctx)
	case features.TaskReconstruction:
		found, err = r.reconstruction(ctx)
	default:
		found = &findings{}
	}
	var other *otherTask
	if errors.As(err, &other) {
		return &findings{text: fmt.Sprintf("There is nothing to see beside the losses: the features are those of %s, but %s.\n", r.task(), other.fact)}, nil
	}
	return found, err
}

// otherTask is what a network does that is not the task in its features: one of one's own, or from elsewhere, may be trained on anything.
// It is said in the report and does not spoil a run.
type otherTask struct{ fact string }

func (e *otherTask) Error() string { return e.fact }

func another(format string, args ...any) error { return &otherTask{fmt.Sprintf(format, args...)} }

func (r *run) task() features.Task {
	if f := r.job.Network.Features; f != nil {
		return f.Task
	}
	return ""
}

func (r *run) heldOut() bool { return r.result.Validation != nil }

// which says of which rows pictures and metrics are.
func (r *run) which() string {
	if r.heldOut() {
		return "held-out rows"
	}
	return "training rows (none held out)"
}
