package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// request is a line to a contestant: load (once, with all other fields), then any number of turn, output and memory.
type request struct {
	Do      string  `json:"do"`              // "load", "turn", "output", "memory"
	Kind    string  `json:"kind,omitempty"`  // "run" a model, "train" a network
	Model   string  `json:"model,omitempty"` // a file, or the name of a network that is trained
	Threads int     `json:"threads,omitempty"`
	Inputs  []array `json:"inputs,omitempty"`
	Ms      float64 `json:"ms,omitempty"`   // of a turn
	Path    string  `json:"path,omitempty"` // where output goes
}

// array is an input: its name, its element type (float32 or int64), its shape and a file of its bytes.
type array struct {
	Elem string  `json:"elem"`
	Name string  `json:"name"`
	Dims []int64 `json:"dims"`
	Path string  `json:"path"`
}

// answer is what a contestant says. Seconds are those from load to the first result, or of one run in a turn (the median); Bytes
// are the most memory the process had, and what it had before loading.
type answer struct {
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Runs    int     `json:"runs,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Idle    int64   `json:"idle,omitempty"`
	Version string  `json:"version,omitempty"`
}

// patience is how long an answer may take; then the process is ended.
const patience = 30 * time.Second

// contestant is a process that answers requests.
type contestant struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start runs a command line with more environment.
func start(name string, command []string, env ...string) (*contestant, error) {
	c := &contestant{name: name, cmd: exec.Command(command[0], command[1:]...)}
	c.cmd.Env, c.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

// ask sends a request and waits for the answer.
func (c *contestant) ask(r request) (answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return answer{}, fmt.Errorf("%s: %w", c.name, err)
	}
	var a answer
	late := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
	text, err := c.out.ReadBytes('\n')
	if !late.Stop() {
		return a, fmt.Errorf("%s: %s: no answer within %v", c.name, r.Do, patience)
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err == nil && a.Error != "" {
		err = fmt.Errorf("%s", a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %s: %w", c.name, r.Do, err)
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
