package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/trainers"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows a run: a bar an epoch with running means and the time left on a terminal, a line an epoch elsewhere.
type progress struct {
	out      io.Writer
	names    []string
	quiet    bool
	terminal bool
	bar      *progressbar.ProgressBar
	epoch    int
}

func newProgress(out io.Writer, n *networks.Instance, quiet bool) *progress {
	p := &progress{out: out, names: append([]string{networks.LossOutput}, n.Terms...), quiet: quiet}
	if f, ok := out.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	return p
}

func (p *progress) event(e trainers.Event) {
	if p.quiet && e.Kind != trainers.Watched {
		return
	}
	switch e.Kind {
	case trainers.StepDone:
		p.step(e)
	case trainers.EpochDone:
		p.close()
		fmt.Fprintln(p.out, p.line(e))
	case trainers.Watched:
		if p.bar != nil {
			fmt.Fprintln(p.out)
		}
		fmt.Fprintf(p.out, "epoch %d step %d  %s\n", e.Epoch, e.Step, e.Text)
	}
}

func (p *progress) step(e trainers.Event) {
	if !p.terminal {
		return
	}
	if p.bar == nil || p.epoch != e.Epoch {
		p.epoch = e.Epoch
		p.bar = progressbar.NewOptions(e.Steps, progressbar.OptionSetWriter(p.out), progressbar.OptionSetPredictTime(true),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(24))
	}
	p.bar.Describe(fmt.Sprintf("epoch %d/%d %s", e.Epoch, e.Epochs, p.means(e.Means)))
	_ = p.bar.Set(e.Step)
}

// means prints the loss and its terms.
func (p *progress) means(values []float64) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprintf("%s %.4f", p.names[i], v)
	}
	return strings.Join(parts, " ")
}

func (p *progress) line(e trainers.Event) string {
	s := fmt.Sprintf("epoch %d/%d  %.1fs  %s", e.Epoch, e.Epochs, e.Row.Seconds, p.means(e.Means))
	if e.Row.Validation != nil {
		s += fmt.Sprintf("  val_loss %.4f", e.Row.Validation[0])
	}
	for _, m := range e.Row.Metrics {
		s += fmt.Sprintf("  val_%s %.4f", m.Name, m.Value)
	}
	return s
}

// close takes an unfinished bar off the terminal.
func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
