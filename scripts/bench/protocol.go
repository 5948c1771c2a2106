package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// request is a line to a contestant: load with all fields but the last three, then any number of turn, output and memory, and of
// profile where it is ours.
type request struct {
	Do      string  `json:"do"`              // "load", "turn", "output", "memory", "profile"
	Kind    string  `json:"kind,omitempty"`  // "run" a model, "train" a network
	Model   string  `json:"model,omitempty"` // a file, or the name of a network that is trained
	Threads int     `json:"threads,omitempty"`
	Inputs  []array `json:"inputs,omitempty"`
	Rows    int64   `json:"rows,omitempty"`  // of a batch that is trained on; inputs hold several batches, which take turns
	Ms      float64 `json:"ms,omitempty"`    // how long a turn is
	Least   int     `json:"least,omitempty"` // runs that a turn has at least
	Path    string  `json:"path,omitempty"`  // where output goes
}

// array is an input: its name, its element type (float32 or int64), its shape and a file of its bytes.
type array struct {
	Elem string  `json:"elem"`
	Name string  `json:"name"`
	Dims []int64 `json:"dims"`
	Path string  `json:"path"`
}

// answer is what a contestant says. Seconds are those from load to the first result, or of one run in a turn (the median); Bytes
// are the most memory the process had, and Idle what it had with nothing but its inputs.
type answer struct {
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Runs    int     `json:"runs,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Idle    int64   `json:"idle,omitempty"`
	Version string  `json:"version,omitempty"`
	Steps   []timed `json:"steps,omitempty"`
}

// timed is a step of our plan: seconds, multiplications, and bytes of weights that it reads.
type timed struct {
	What     string  `json:"what"`
	Seconds  float64 `json:"seconds"`
	Products int64   `json:"products"`
	Weights  int64   `json:"weights"`
}

// contestant is a process that answers requests.
type contestant struct {
	corner
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said lastWords
}

// corner is who a contestant is and how it is started.
type corner struct {
	name    string
	command []string
	env     []string
	// patience is how long an answer may take; then the process is ended.
	patience time.Duration
}

func (c corner) start() (*contestant, error) {
	p := &contestant{corner: c, cmd: exec.Command(c.command[0], c.command[1:]...)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), c.env...), &p.said
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// mistake is an error of one contestant.
type mistake struct {
	who string
	err error
}

func (m *mistake) Error() string { return m.who + ": " + m.err.Error() }
func (m *mistake) Unwrap() error { return m.err }

// ask sends a request and waits for the answer. Its errors are mistakes.
func (c *contestant) ask(r request) (answer, error) {
	a, err := c.exchange(r)
	if err != nil {
		err = &mistake{c.name, err}
	}
	return a, err
}

func (c *contestant) exchange(r request) (a answer, err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	var text []byte
	late := time.AfterFunc(c.patience, func() { c.cmd.Process.Kill() })
	if _, err = c.in.Write(append(line, '\n')); err == nil {
		text, err = c.out.ReadBytes('\n')
	}
	if !late.Stop() {
		return a, fmt.Errorf("%s: no answer within %v", r.Do, c.patience)
	}
	if err != nil {
		c.stop() // so that all it said is here
		return a, fmt.Errorf("%s: it ended: %s", r.Do, c.said.line())
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("%s: %w", r.Do, err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// stop ends the process.
func (c *contestant) stop() {
	c.in.Close()
	done := make(chan struct{})
	go func() { c.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		c.cmd.Process.Kill()
		<-done
	}
}

// lastWords keeps the end of what is written to it, which is what a process says before it dies. It is read after the process has ended.
type lastWords struct{ text []byte }

const lastLen = 4 << 10

func (w *lastWords) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	if n := len(w.text) - lastLen; n > 0 {
		w.text = append(w.text[:0], w.text[n:]...)
	}
	return len(p), nil
}

func (w *lastWords) line() string {
	lines := bytes.Split(bytes.TrimSpace(w.text), []byte("\n"))
	return strings.TrimSpace(string(lines[len(lines)-1]))
}

// forgetPeak begins a new measurement of the most memory in use, where the system lets it.
func forgetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMemory is the most memory that this process had so far, 0 where the system does not say.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
