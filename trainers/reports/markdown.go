package reports

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
)

// table is a Markdown table.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String writes the table; names from anywhere cannot break it.
func (t *table) String() string {
	var s strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			s.WriteString("| " + escape(c) + " ")
		}
		s.WriteString("|\n")
	}
	line(t.head)
	s.WriteString("|" + strings.Repeat(" --- |", len(t.head)) + "\n")
	for _, r := range t.rows {
		line(r)
	}
	return s.String()
}

// escape makes a text mean nothing but itself within a line of Markdown.
func escape(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", `\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`).Replace(s)
}

// block shows a text as it is. Its fence is longer than any in the text.
func block(kind, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + kind + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}

// markdown writes report.md.
func (r *run) markdown(pictures []picture, results, verification string) (string, error) {
	summary, err := graphs.Summarize(r.job.Network.Model.Graph)
	if err != nil {
		return "", err
	}
	var s strings.Builder
	fmt.Fprintf(&s, "# %s on %s\n\n", escape(r.job.Network.Name), escape(r.result.Train.Info().Name))
	if !r.heldOut() {
		s.WriteString("No rows were held out: metrics and pictures are of the training rows, and `model.onnx` has the last weights. They do not say how well the\n" +
			"network does on rows it has not seen; `--validation-split 0.1` would.\n\n")
	}
	fmt.Fprintf(&s, "## Run\n\n%s\n", r.runTable())
	fmt.Fprintf(&s, "`%s` has the same for another run.\n\n", trainers.ArgsFile)
	fmt.Fprintf(&s, "## Model\n\n%s\n", block("text", summary.String()))
	fmt.Fprintf(&s, "## Results\n\n%s\n", r.lossText())
	if results != "" {
		fmt.Fprintf(&s, "%s\n", results)
	}
	if verification != "" {
		fmt.Fprintf(&s, "## Verification\n\n%s\n", block("text", verification))
	}
	s.WriteString("## Pictures\n\n")
	for _, p := range pictures {
		fmt.Fprintf(&s, "%s:\n\n![%s](%s)\n\n", escape(p.caption), escape(p.caption), p.file)
	}
	fmt.Fprintf(&s, "## Use\n\n%s", r.use())
	return s.String(), nil
}

// runTable says what was run.
func (r *run) runTable() string {
	spec := r.job.Spec
	t := table{head: []string{"", ""}}
	t.add("network", r.job.Network.Name)
	for _, o := range r.job.Network.Settings {
		t.add("– "+o.Name, o.Value)
	}
	info := r.result.Train.Info()
	t.add("data", spec.Data)
	t.add("– SHA-256", r.result.DataDigest)
	rows := fmt.Sprint(info.Rows)
	if info.Fresh {
		rows += ", new ones every epoch"
	}
	t.add("– training rows", rows)
	if v := r.result.Validation; v != nil {
		t.add("– held-out rows", fmt.Sprint(v.Info().Rows))
	} else {
		t.add("– held-out rows", "none")
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Set)) { // those of the data set; the network's are above
		if !slices.ContainsFunc(r.job.Network.Settings, func(o networks.Setting) bool { return o.Name == name }) {
			t.add("– "+name, spec.Set[name])
		}
	}
	t.add("epochs", fmt.Sprint(spec.Epochs))
	t.add("batch size", fmt.Sprint(spec.BatchSize))
	t.add("optimizer", spec.Optimizer)
	rate := spec.LearningRate
	if o, err := trainers.ParseOptimizer(spec.Optimizer); err == nil && rate == 0 {
		rate = o.LearningRate
	}
	t.add("learning rate", number(rate))
	t.add("schedule", spec.Schedule)
	clip := "none"
	if spec.ClipNorm != nil && *spec.ClipNorm > 0 {
		clip = "global norm " + number(*spec.ClipNorm)
	}
	t.add("clipping", clip)
	if spec.EarlyStopping > 0 {
		t.add("early stopping", fmt.Sprintf("after %d epochs without a lower validation loss", spec.EarlyStopping))
	}
	if spec.Overfit > 0 {
		t.add("overfitting", fmt.Sprintf("to %d rows", spec.Overfit))
	}
	t.add("seed", fmt.Sprint(spec.Seed))
	order := "shuffled every epoch"
	if spec.NoShuffle {
		order = "as it is"
	}
	t.add("order of rows", order)
	start := "from the seed"
	if spec.Init != "" {
		start = spec.Init
	}
	t.add("initial weights", start)
	t.add("opset", fmt.Sprint(spec.Opset))
	t.add("kernel set", r.result.KernelSet)
	return t.String()
}

// lossText says what the best epoch came to.
func (r *run) lossText() string {
	history := r.result.History
	if r.result.BestEpoch < 1 || r.result.BestEpoch > len(history) {
		return "No epoch was finished.\n"
	}
	best := history[r.result.BestEpoch-1]
	var s strings.Builder
	why := "lowest validation loss"
	if !r.heldOut() {
		why = "the last one"
	}
	seconds := 0.0
	for _, e := range history {
		seconds += e.Seconds
	}
	fmt.Fprintf(&s, "Epoch %d of %d is the best (%s). Training took %.1f s, %.1f s an epoch.\n\n", best.Number, len(history), why, seconds, seconds/float64(len(history)))
	if r.result.Stopped {
		fmt.Fprintf(&s, "It ended before its %d epochs: %d in a row had no lower validation loss. `model.onnx` has the best weights.\n\n",
			r.job.Spec.Epochs, r.job.Spec.EarlyStopping)
	}
	if o := r.result.Overfit; o != nil {
		fmt.Fprintf(&s, "Overfitting was asked for: %s.\n\n", o)
	}
	t := table{head: []string{"", "train"}}
	if best.Validation != nil {
		t.head = append(t.head, "validation")
	}
	for i, name := range r.losses() {
		cells := []string{name}
		for k, list := range [][]float64{best.Train, best.Validation} {
			if k > 0 && best.Validation == nil {
				break
			}
			figure := ""
			if v, ok := at(list, i); ok {
				figure = number(v)
			}
			cells = append(cells, figure)
		}
		t.add(cells...)
	}
	for _, m := range best.Metrics {
		t.add(m.Name, "", number(m.Value))
	}
	s.WriteString(t.String())
	s.WriteString("\nFigures of training are means over the epoch, taken before each update; those of validation are taken after it.\n")
	return s.String()
}

// use says how the model is run on new rows.
func (r *run) use() string {
	model := filepath.ToSlash(filepath.Join(r.dir, trainers.ModelFile))
	if strings.ContainsAny(model, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
		model = "'" + strings.ReplaceAll(model, "'", `'\''`) + "'"
	}
	var s strings.Builder
	switch f := r.job.Network.Features; {
	case r.task() == features.TaskDetection:
		s.WriteString(block("sh", fmt.Sprintf("gonyx run %s IMAGES --draw out/", model)))
		s.WriteString("\nIMAGES are picture files, folders or patterns; the pictures with their boxes are in `out/`. The model says itself how pictures are resized and scaled,\n" +
			"and what its output means.\n")
	case r.task() == features.TaskReconstruction && f.Image != nil:
		s.WriteString(block("sh", fmt.Sprintf("gonyx run %s IMAGES --draw out/", model)))
		s.WriteString("\nIMAGES are picture files, folders or patterns; what the model makes of them is in `out/`. The model says itself how pictures are resized and scaled.\n")
	case r.task() == features.TaskClassification && f.Text != nil:
		s.WriteString(block("sh", fmt.Sprintf("gonyx run %s ROWS.csv --top 3", model)))
		s.WriteString("\nROWS.csv, .tsv or .jsonl has a text a row; each gets its best classes with their probabilities. The model knows its words, their weights and the names of\n" +
			"the classes.\n")
	default:
		command := "gonyx run " + model
		for _, v := range r.job.Network.Model.Graph.Inputs {
			if !slices.ContainsFunc(r.job.Network.Draws, func(d networks.Draw) bool { return d.Name == v.Name }) { // zeros where it is not given
				command += fmt.Sprintf(" --input %s=FILE.npy", v.Name)
			}
		}
		s.WriteString(block("sh", command+" -o OUT.npz"))
	}
	s.WriteString("\n")
	t := table{head: []string{"value", "type and shape"}}
	list := func(kind string, values []*onnx.ValueInfo) {
		for _, v := range values {
			t.add(kind+" "+v.Name, v.Type.String())
		}
	}
	list("input", r.job.Network.Model.Graph.Inputs)
	list("output", r.job.Network.Model.Graph.Outputs)
	s.WriteString(t.String())
	return s.String()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
