// Package contestant is what Go peers of the benchmark share: they answer one JSON object a line, see ../../protocol.go.
package contestant

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request asks for something. Rows is the batch that is trained on; inputs then hold several batches.
type Request struct {
	Do, Kind, Model, Path string
	Threads, Rows, Least  int
	Inputs                []Input
	Ms                    float64
}

// Input is an array of float32 numbers, which a file holds.
type Input struct {
	Elem, Name, Path string
	Dims             []int
	Data             []float32 `json:"-"`
}

func (in *Input) read() error {
	data, err := os.ReadFile(in.Path)
	if err != nil || in.Elem != "float32" {
		return fmt.Errorf("input %q of %s: %w", in.Name, in.Elem, err)
	}
	in.Data = make([]float32, len(data)/4)
	for i := range in.Data {
		in.Data[i] = math.Float32frombits(uint32(data[4*i]) | uint32(data[4*i+1])<<8 | uint32(data[4*i+2])<<16 | uint32(data[4*i+3])<<24)
	}
	return nil
}

// Subject is what is loaded. Output is nil where there is nothing to compare.
type Subject struct {
	Run    func() error
	Output func() []float32
}

type answer struct {
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Runs    int     `json:"runs,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Idle    int64   `json:"idle,omitempty"`
	Version string  `json:"version,omitempty"`
}

// state is what a contestant keeps between requests.
type state struct {
	Subject
	idle int64
}

// Serve answers requests until there are no more. A panic of the peer is an error of the request.
func Serve(version string, load func(Request) (Subject, error)) {
	requests, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr // what the peer prints is no answer
	var s state
	for {
		line, err := requests.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var r Request
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		var a answer
		if err == nil {
			a, err = s.answer(r, load)
		}
		if a.Idle, a.Version = s.idle, version; err != nil {
			a.Error = err.Error()
		}
		if answers.Encode(a) != nil {
			return
		}
	}
}

func (s *state) answer(r Request, load func(Request) (Subject, error)) (a answer, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v", x)
		}
	}()
	switch r.Do {
	case "load":
		for i := range r.Inputs {
			if err := r.Inputs[i].read(); err != nil {
				return a, err
			}
		}
		debug.FreeOSMemory()
		os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
		s.idle = peak()
		started := time.Now()
		if s.Subject, err = load(r); err == nil {
			err = s.Run()
		}
		a.Seconds = time.Since(started).Seconds()
	case "turn":
		var times []float64
		for end := time.Now().Add(time.Duration(r.Ms * 1e6)); len(times) < max(1, r.Least) || time.Now().Before(end); {
			started := time.Now()
			if err := s.Run(); err != nil {
				return a, err
			}
			times = append(times, time.Since(started).Seconds())
		}
		slices.Sort(times)
		a.Seconds, a.Runs = times[len(times)/2], len(times)
	case "output":
		var data []byte
		for _, v := range s.Output() {
			b := math.Float32bits(v)
			data = append(data, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
		}
		err = os.WriteFile(r.Path, data, 0o644)
	case "memory":
		a.Bytes = peak()
	default:
		err = fmt.Errorf("cannot do %q", r.Do)
	}
	return a, err
}

func peak() int64 {
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
