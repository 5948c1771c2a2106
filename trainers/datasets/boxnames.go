package datasets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// classNames gives the classes, and their numbers to boxes that have names: the names set, those of the folder's files, or those that the
// labels have.
func (d *BoxLabels) classNames(set string) ([]string, error) {
	names, from, err := d.listedNames(set)
	if err != nil {
		return nil, err
	}
	var used []string
	most := -1
	for _, f := range d.files {
		used = append(used, f.names...)
		if f.names == nil {
			for _, b := range f.boxes {
				most = max(most, b.Class)
			}
		}
	}
	if names == nil {
		from = "the label files"
		if names = features.ClassNames(used); len(used) == 0 {
			for i := range most + 1 {
				names = append(names, fmt.Sprintf("class %d", i))
			}
		}
	}
	fault := func(format string, args ...any) error {
		if set != "" {
			return optionError("%s: %s", from, fmt.Sprintf(format, args...))
		}
		return fmt.Errorf("%s: %s", from, fmt.Sprintf(format, args...))
	}
	number := make(map[string]int, len(names))
	for i, n := range names {
		if _, twice := number[n]; twice || n == "" {
			return nil, fault("the name %q is there twice or empty", clip(n))
		}
		number[n] = i
	}
	if len(names) > maxCategories {
		return nil, fault("%d classes, at most %d", len(names), maxCategories)
	}
	for _, f := range d.files {
		for i := range f.boxes {
			switch {
			case f.names == nil && f.boxes[i].Class >= len(names):
				return nil, fault("%d names, but %s has class %d", len(names), filepath.Join(d.folder, f.label), f.boxes[i].Class)
			case f.names != nil:
				class, ok := number[f.names[i]]
				if !ok {
					return nil, fault("no name %q, which %s has", clip(f.names[i]), filepath.Join(d.folder, f.label))
				}
				f.boxes[i].Class = class
			}
		}
	}
	return names, nil
}

// listedNames gives the names that are set, or that a file of the folder lists, and where they are from; nil where there are none.
func (d *BoxLabels) listedNames(set string) (names []string, from string, err error) {
	if set != "" {
		return strings.Split(set, ","), "option classes", nil
	}
	beside := filepath.Dir(d.files[0].picture)
	labels := beside
	for _, f := range d.files {
		if f.label != "" {
			labels = filepath.Dir(f.label)
			break
		}
	}
	for _, place := range []string{".", labels, beside, "data"} {
		for _, file := range []string{classesFile, "data.yaml", "data.yml", "obj.names"} {
			from = filepath.Join(d.folder, place, file)
			f, _, err := rows.Open(from)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return nil, from, err
			}
			text, err := io.ReadAll(io.LimitReader(f, maxClassesFile))
			f.Close()
			if err != nil {
				return nil, from, fmt.Errorf("%s: %w", from, err)
			}
			if strings.HasPrefix(filepath.Ext(file), ".y") {
				if names, err = yamlNames(string(text)); err != nil {
					return nil, from, fmt.Errorf("%s: %w", from, err)
				}
				return names, from, nil
			}
			for line := range strings.Lines(string(text)) {
				if line = strings.TrimSpace(line); line != "" {
					names = append(names, line)
				}
			}
			return names, from, nil
		}
	}
	return nil, "", nil
}

// yamlNames reads the key names of a data.yaml, in the three ways in which it is written: a list in brackets, a list of lines with dashes,
// and lines of numbers with names.
func yamlNames(text string) ([]string, error) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "names:") })
	if at < 0 {
		return nil, fmt.Errorf("there is no key names")
	}
	plain := func(s string) string {
		s = strings.TrimSpace(s)
		if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
			return s[1 : len(s)-1]
		}
		if before, _, comment := strings.Cut(s, " #"); comment {
			return strings.TrimSpace(before)
		}
		return s
	}
	rest := strings.TrimSpace(strings.TrimPrefix(lines[at], "names:"))
	if strings.HasPrefix(rest, "[") {
		for _, l := range lines[at+1:] {
			if strings.Contains(rest, "]") {
				break
			}
			rest += " " + strings.TrimSpace(l)
		}
		inside, _, closed := strings.Cut(rest[1:], "]")
		if !closed {
			return nil, fmt.Errorf("line %d: the list of names is not closed", at+1)
		}
		var names []string
		for _, w := range strings.Split(inside, ",") {
			if w = plain(w); w != "" {
				names = append(names, w)
			}
		}
		return names, nil
	}
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return nil, fmt.Errorf("line %d: want names as a list, or as lines below", at+1)
	}
	var names []string
	for i, l := range lines[at+1:] {
		word := strings.TrimSpace(l)
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
			continue
		case strings.HasPrefix(word, "- "):
			names = append(names, plain(word[2:]))
			continue
		case l == strings.TrimLeft(l, " \t"): // the next key
			return names, nil
		}
		key, name, ok := strings.Cut(word, ":")
		if n, err := strconv.Atoi(strings.TrimSpace(key)); !ok || err != nil || n != len(names) {
			return nil, fmt.Errorf("line %d: %q is not name %d, as in \"%d: name\"", at+2+i, clip(word), len(names), len(names))
		}
		names = append(names, plain(name))
	}
	return names, nil
}
