package datasets

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// settings reads a data set's options from key=value pairs. It remembers the first mistake; a key nobody read is one.
type settings struct {
	of   string // the data set
	left map[string]string
	used []string
	err  error
}

// OptionError is an option that cannot be: misuse, not bad data.
type OptionError struct{ text string }

func (e *OptionError) Error() string { return e.text }

func optionError(format string, args ...any) error { return &OptionError{fmt.Sprintf(format, args...)} }

func newSettings(of string, set map[string]string) *settings {
	return &settings{of: of, left: maps.Clone(set)}
}

func (s *settings) fail(key, value, want string) {
	if s.err == nil {
		s.err = optionError("%s: option %s=%s: want %s", s.of, key, clip(value), want)
	}
}

func (s *settings) take(key string) (string, bool) {
	s.used = append(s.used, key)
	v, ok := s.left[key]
	delete(s.left, key)
	return v, ok
}

func (s *settings) text(key, otherwise string) string {
	if v, ok := s.take(key); ok {
		return v
	}
	return otherwise
}

func (s *settings) bool(key string, otherwise bool) bool {
	v, ok := s.take(key)
	switch {
	case !ok:
		return otherwise
	case v != "true" && v != "false":
		s.fail(key, v, "true or false")
	}
	return v == "true"
}

// oneOf reads one of some words; the first is meant where none is given.
func (s *settings) oneOf(key string, words ...string) string {
	v, ok := s.take(key)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, v) {
		s.fail(key, v, strings.Join(words, " or "))
	}
	return v
}

// fraction reads a number from 0 to 1.
func (s *settings) fraction(key string, otherwise float64) float64 {
	v, ok := s.take(key)
	if !ok {
		return otherwise
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		s.fail(key, v, "a number from 0 to 1")
	}
	return f
}

// pair reads two whole numbers parted by the sign, or one that stands for both.
func (s *settings) pair(key, sign string, least, most, otherwise int) (a, b int) {
	v, ok := s.take(key)
	if !ok {
		return otherwise, otherwise
	}
	first, second, both := strings.Cut(v, sign)
	if !both {
		second = first
	}
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	if errA != nil || errB != nil || min(a, b) < least || max(a, b) > most {
		s.fail(key, v, fmt.Sprintf("a number from %d to %d, or two as in %d%s%d", least, most, max(least, 2), sign, max(least, 3)))
	}
	return a, b
}

// done gives the first mistake, or names a key that is no option.
func (s *settings) done() error {
	if s.err == nil && len(s.left) > 0 {
		key := slices.Sorted(maps.Keys(s.left))[0]
		s.err = optionError("%s: no option %q; there are %s", s.of, clip(key), strings.Join(s.used, ", "))
	}
	return s.err
}

// clip shortens a text from a file or flag to what an error message can carry.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
