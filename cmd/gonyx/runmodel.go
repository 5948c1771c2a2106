package main

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/scoring"
	"github.com/gonyx/gonyx/trainers"
	"github.com/urfave/cli/v2"
)

func (c *console) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a model on pictures (files, folders, globs), on a file of rows, or on tensors",
		ArgsUsage: "MODEL [INPUT...]",
		Description: "A model that describes itself takes pictures and rows as they are: pictures, or one file of rows, ROWS.csv, .tsv, .jsonl, .npz or .npy,\n" +
			"or - for the standard input. Any model takes tensors by --input. A row that cannot be used is reported, has an empty result, and makes the exit code 4.\n" +
			"Results go to the standard output, or by -o to a .npz or .npy file (raw outputs), .jsonl or .csv (one line a row).",
		Flags: append(layoutFlags(),
			&cli.StringSliceFlag{Name: "input", Usage: "NAME=FILE.npy: a tensor for the model's input NAME"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "OUT.npz, OUT.npy, OUT.jsonl or OUT.csv"},
			&cli.IntFlag{Name: "batch-size", Usage: "rows run together (default 32, all for tensors)"},
			threadsFlag(),
			&cli.StringFlag{Name: "draw", Usage: "folder for copies of the pictures with what was found drawn on them, or for the pictures that a model restores"},
			&cli.IntFlag{Name: "top", Usage: "how many results to give for each row (default: 3 classes, all boxes)"},
			memoryFlag(),
		),
		Action: c.runModel,
	}
}

// loadFlags are what every command that loads a model takes from its flags.
func loadFlags(ctx *cli.Context) (backend.Options, error) {
	limit, err := memoryLimit(ctx)
	if err != nil {
		return backend.Options{}, err
	}
	if ctx.Int("threads") < 0 {
		return backend.Options{}, misuse("--threads %d: want at least 1", ctx.Int("threads"))
	}
	return backend.Options{Threads: ctx.Int("threads"), MemoryLimit: limit}, nil
}

// modelPath gives the model file of a path: that of a run directory, or the path itself.
func modelPath(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, trainers.ModelFile)
	}
	return path
}

// load loads a model and passes its warnings on.
func (c *console) load(path string, o backend.Options) (*backend.Model, error) {
	m, err := backend.Load(modelPath(path), o)
	if err != nil {
		return nil, err
	}
	c.warn(path, m.Warnings)
	return m, nil
}

func (c *console) warn(path string, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(c.errs, "gonyx: %s: warning: %s\n", path, w)
	}
}

func (c *console) runModel(ctx *cli.Context) error {
	if ctx.NArg() == 0 {
		return misuse("run which model? gonyx run MODEL [INPUT...]")
	}
	inputs, err := keyValues(ctx, "input")
	if err != nil {
		return err
	}
	paths := ctx.Args().Tail()
	switch {
	case len(paths) > 0 && len(inputs) > 0:
		return misuse("give either pictures, rows, or tensors by --input, not both")
	case len(inputs) > 0 && (ctx.IsSet("draw") || ctx.IsSet("top")):
		return misuse("--draw and --top go with pictures and rows, not with --input")
	case ctx.IsSet("batch-size") && ctx.Int("batch-size") < 1:
		return misuse("--batch-size %d: want at least 1", ctx.Int("batch-size"))
	case ctx.IsSet("top") && ctx.Int("top") < 1:
		return misuse("--top %d: want at least 1", ctx.Int("top"))
	}
	if o := ctx.String("output"); o != "" && !slices.Contains([]string{".npz", ".npy", ".jsonl", ".csv"}, strings.ToLower(filepath.Ext(o))) {
		return misuse("-o %s: want a name that ends in .npz, .npy, .jsonl or .csv", o)
	}
	options, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	m, err := c.load(ctx.Args().First(), options)
	if err != nil {
		return err
	}
	defer m.Close()
	if len(paths) > 0 {
		return c.runRows(ctx, m, paths, options.MemoryLimit)
	}
	return c.runTensors(ctx, m, inputs, options.MemoryLimit)
}

// runTensors runs the model once on what --input names.
func (c *console) runTensors(ctx *cli.Context, m *backend.Model, inputs map[string]string, limit int64) error {
	if o := ctx.String("output"); strings.HasSuffix(strings.ToLower(o), ".jsonl") || strings.HasSuffix(strings.ToLower(o), ".csv") {
		return misuse("-o %s: tensors are written as .npz or .npy", o)
	}
	named, err := readInputs(m, inputs, limit)
	if err != nil {
		return err
	}
	in, err := scoring.Arrange(m, named, func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) })
	var wrong *scoring.InputError
	if errors.As(err, &wrong) {
		return misuse("%w", err)
	}
	if err != nil {
		return err
	}
	out, err := scoring.Tensors(ctx.Context, m, in, ctx.Int("batch-size"))
	if err != nil {
		return err
	}
	var tensors []*onnx.Tensor
	for i, v := range out {
		name := m.Outputs()[i].Name
		t, ok := v.(*onnx.Tensor)
		if !ok {
			return fmt.Errorf("output %q is %v, which no array file holds", name, onnx.TypeOf(v))
		}
		t.Name = name
		tensors = append(tensors, t)
		if ctx.String("output") == "" {
			fmt.Fprintf(c.out, "%s: %s\n", name, trainers.Describe(t))
		}
	}
	return writeTensors(ctx.String("output"), tensors)
}

// readInputs reads the files of --input; a name that the model does not have is found before any file is read.
func readInputs(m *backend.Model, inputs map[string]string, limit int64) (map[string]*onnx.Tensor, error) {
	named := make(map[string]*onnx.Tensor, len(inputs))
	for name, path := range inputs {
		if !slices.ContainsFunc(m.Inputs(), func(v *onnx.ValueInfo) bool { return v.Name == name }) {
			return nil, misuse("the model has no input %q; %s", name, scoring.Describe(m))
		}
		if path == "" {
			return nil, misuse("--input %s=: the file is missing, want NAME=FILE.npy", name)
		}
		t, err := rows.ReadNPYFile(path, limit)
		if err != nil {
			return nil, err
		}
		named[name] = t
	}
	return named, nil
}

// writeTensors writes raw outputs to a .npz file, or one of them to a .npy file.
func writeTensors(path string, tensors []*onnx.Tensor) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz":
		return rows.WriteNPZFile(path, tensors)
	case ".npy":
		if len(tensors) != 1 {
			return misuse("-o %s: the model has %d outputs, a .npy file holds one; take .npz", path, len(tensors))
		}
		return rows.WriteNPYFile(path, tensors[0])
	}
	return nil
}

// runRows runs the model on pictures, or on the rows of a file.
func (c *console) runRows(ctx *cli.Context, m *backend.Model, args []string, limit int64) error {
	s, err := scoring.New(m, limit)
	if err != nil {
		return fmt.Errorf("%s: %w", ctx.Args().First(), err)
	}
	draw := ctx.String("draw")
	if draw != "" && s.Reads() != scoring.Boxes && !s.Restores() {
		return misuse("--draw: the model finds no boxes that could be drawn, and gives no pictures")
	}
	source, what, err := c.openRows(ctx, s, args, limit)
	if err != nil {
		return err
	}
	top := ctx.Int("top")
	if top == 0 {
		top = scoring.DefaultTop
	}
	sink, err := newSink(ctx.String("output"), c.out, presenter{s, top})
	if err != nil {
		return err
	}
	if draw != "" {
		if err := os.MkdirAll(draw, 0o777); err != nil {
			return fmt.Errorf("--draw: %w", err)
		}
	}
	names := make(map[string]int)
	options := scoring.Options{BatchSize: ctx.Int("batch-size"), Top: top}
	total, failed, err := s.Run(ctx.Context, source, options, func(r scoring.Result) error {
		if r.Err != nil {
			fmt.Fprintf(c.errs, "gonyx: %s %d: %v\n", what, r.Index, r.Err)
		}
		if ctx.IsSet("top") && len(r.Boxes) > top {
			r.Boxes = r.Boxes[:top]
		}
		if draw != "" && r.Err == nil && (r.Image != nil || s.Restores()) {
			if err := drawResult(draw, names, s, r); err != nil {
				return err
			}
		}
		return sink.add(r)
	})
	if err != nil {
		sink.drop()
		return err
	}
	if err := sink.close(); err != nil {
		return err
	}
	if failed > 0 {
		fmt.Fprintf(c.errs, "gonyx: %d of %d %ss could not be used\n", failed, total, what)
		return silently(exitSomeFailed)
	}
	return nil
}

// openRows opens what the arguments name, and says what its rows are called.
func (c *console) openRows(ctx *cli.Context, s *scoring.Scorer, args []string, limit int64) (source *scoring.Source, what string, err error) {
	file := slices.IndexFunc(args, scoring.IsRows)
	if file < 0 {
		paths, err := expand(args)
		if err != nil {
			return nil, "", err
		}
		source, err = s.Pictures(paths)
		return source, "picture", err
	}
	if len(args) != 1 {
		return nil, "", misuse("%q holds rows: it is run alone", args[file])
	}
	known := features.Layout{}
	if s.Recipe.Layout != nil {
		known = *s.Recipe.Layout
		if o, err := (features.Layout{}).Options(args[0]); err == nil && o.Delimiter != 0 {
			known.Delimiter = "" // the file's name says more
		}
	}
	layout, err := layoutOf(ctx, known)
	if err != nil {
		return nil, "", err
	}
	if _, err := layout.Options(args[0]); err != nil {
		return nil, "", misuse("%s: %w", args[0], err)
	}
	source, err = s.Open(args[0], c.in, scoring.TableOptions{Layout: layout, Chosen: ctx.IsSet("text-column"), Headers: ctx.IsSet("header")},
		func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) })
	var wrong *scoring.InputError
	if errors.As(err, &wrong) {
		return nil, "", misuse("%w", err)
	}
	return source, "row", err
}

// drawResult writes a copy of the picture with the boxes on it, or the picture that the model made of a row. Pictures of one name from several
// folders are told apart by a number.
func drawResult(dir string, names map[string]int, s *scoring.Scorer, r scoring.Result) error {
	base := filepath.Base(r.Name)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	if r.Name == "" {
		base = fmt.Sprintf("row-%d", r.Index)
	}
	names[base]++
	if n := names[base]; n > 1 {
		base = fmt.Sprintf("%s-%d", base, n)
	}
	var picture image.Image
	if s.Restores() {
		var err error
		if picture, err = s.Restored(r); err != nil {
			return err
		}
	} else {
		picture = features.Draw(r.Image, r.Boxes, s.Recipe.Classes)
	}
	return rows.WriteFile(filepath.Join(dir, base+".png"), func(w io.Writer) error { return png.Encode(w, picture) })
}

// expand turns folders and patterns into the pictures they hold, in natural order: 2.png before 10.png.
func expand(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			found, err := picturesIn(arg)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("folder %q holds no pictures", arg)
			}
			paths = append(paths, found...)
		case err == nil || !strings.ContainsAny(arg, "*?["):
			paths = append(paths, arg) // a file that is missing is reported like any bad picture
		default:
			found, err := filepath.Glob(arg)
			if err != nil {
				return nil, misuse("pattern %q: %w", arg, err)
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("pattern %q matches no file", arg)
			}
			slices.SortFunc(found, naturally)
			paths = append(paths, found...)
		}
	}
	return paths, nil
}

func picturesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp":
			if !e.IsDir() {
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	slices.SortFunc(found, naturally)
	return found, nil
}

// naturally compares names with the numbers in them taken as numbers.
func naturally(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if len(na) != len(nb) {
				return len(na) - len(nb)
			}
			if x := strings.Compare(na, nb); x != 0 {
				return x
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
