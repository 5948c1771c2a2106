package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/urfave/cli/v2"
)

// memoryFlag bounds what a model file may ask for; every command that loads a model has it.
func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory-limit", Value: "2GiB", Usage: "bytes that any one tensor or arena may take, as in 500MB or 8GiB"}
}

func threadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Usage: "threads to compute with (default: all processors)"}
}

// memoryLimit reads --memory-limit.
func memoryLimit(ctx *cli.Context) (int64, error) {
	text := ctx.String("memory-limit")
	if text == "" {
		return ops.DefaultLimit, nil
	}
	n, err := parseSize(text)
	if err != nil {
		return 0, misuse("--memory-limit %s: %w", text, err)
	}
	return n, nil
}

// parseSize reads a number of bytes with a unit: B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTkmgtiI ")
	unit := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(number > 0) {
		return 0, fmt.Errorf("want a size such as 500MB or 8GiB")
	}
	base, unit := 1000.0, strings.TrimSuffix(unit, "b")
	if strings.HasSuffix(unit, "i") {
		base, unit = 1024, strings.TrimSuffix(unit, "i")
	}
	power := strings.Index("kmgt", unit) + 1
	if unit == "" {
		power = 0
	}
	if len(unit) > 1 || unit != "" && power == 0 {
		return 0, fmt.Errorf("want a size such as 500MB or 8GiB")
	}
	bytes := number * math.Pow(base, float64(power))
	if bytes < 1 || bytes > math.MaxInt64/4 {
		return 0, fmt.Errorf("%g bytes is no size that memory has", bytes)
	}
	return int64(bytes), nil
}

// keyValues reads flags of the form KEY=VALUE.
func keyValues(ctx *cli.Context, flag string) (map[string]string, error) {
	set := make(map[string]string)
	for _, pair := range ctx.StringSlice(flag) {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, misuse("--%s %s: want KEY=VALUE", flag, pair)
		}
		if _, twice := set[key]; twice {
			return nil, misuse("--%s %s: %q is given twice", flag, pair, key)
		}
		set[key] = value
	}
	return set, nil
}
