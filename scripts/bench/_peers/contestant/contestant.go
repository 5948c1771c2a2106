// Package contestant is what Go peers of the benchmark share: they answer one JSON object a line, see ../../protocol.go.
package contestant

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request asks for something.
type Request struct {
	Do, Kind, Model, Path string
	Threads               int
	Inputs                []Input
	Ms                    float64
}

// Input is an array of float32 numbers in a file.
type Input struct {
	Elem, Name, Path string
	Dims             []int
}

// Read gives the numbers.
func (in Input) Read() ([]float32, error) {
	data, err := os.ReadFile(in.Path)
	if err != nil || in.Elem != "float32" {
		return nil, fmt.Errorf("input %q of %s: %w", in.Name, in.Elem, err)
	}
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(uint32(data[4*i]) | uint32(data[4*i+1])<<8 | uint32(data[4*i+2])<<16 | uint32(data[4*i+3])<<24)
	}
	return v, nil
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

// Serve answers requests until there are no more. A panic of the peer is an error of the request.
func Serve(version string, load func(Request) (Subject, error)) {
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	idle := peak()
	requests, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr // what the peer prints is no answer
	var s Subject
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
		if a.Idle = idle; err != nil {
			a.Error = err.Error()
		}
		a.Version = version
		if answers.Encode(a) != nil {
			return
		}
	}
}

func (s *Subject) answer(r Request, load func(Request) (Subject, error)) (a answer, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v", x)
		}
	}()
	switch r.Do {
	case "load":
		started := time.Now()
		if *s, err = load(r); err == nil {
			err = s.Run()
		}
		a.Seconds = time.Since(started).Seconds()
	case "turn":
		var times []float64
		for end := time.Now().Add(time.Duration(r.Ms * 1e6)); len(times) == 0 || time.Now().Before(end); {
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
