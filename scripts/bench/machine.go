package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// machine is what figures depend on.
type machine struct {
	Kind   string // of processor: its name, family and model
	Set    string // the kernel set that we run on it
	Cores  int
	Caches string
	System string
}

func thisMachine() machine {
	m := machine{Kind: "unknown processor", Set: kernels.Best().String(), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	facts := make(map[string]string)
	text, _ := os.ReadFile("/proc/cpuinfo") // other systems have none
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); ok && facts[name] == "" {
			facts[name] = strings.TrimSpace(value)
		}
	}
	if facts["model name"] != "" {
		m.Kind = facts["model name"]
	}
	if facts["cpu family"] != "" {
		m.Kind += fmt.Sprintf(", family %s model %s", facts["cpu family"], facts["model"])
	}
	levels, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*") // none elsewhere
	var caches []string
	for _, level := range levels {
		say := func(name string) string {
			text, _ := os.ReadFile(filepath.Join(level, name))
			return strings.TrimSpace(string(text))
		}
		if kind := say("type"); kind != "Instruction" {
			caches = append(caches, fmt.Sprintf("L%s %s", say("level"), say("size")))
		}
	}
	m.Caches = strings.Join(caches, ", ")
	return m
}

func (m machine) String() string {
	s := fmt.Sprintf("%s, %d cores, %s, kernels %s", m.Kind, m.Cores, m.System, m.Set)
	if m.Caches != "" {
		s += ", caches " + m.Caches
	}
	return s
}
