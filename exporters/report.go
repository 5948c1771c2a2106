package exporters

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDiffers says that a verification found a difference, as opposed to a file that cannot be read or written.
var ErrDiffers = errors.New("verification failed")

// Check is one thing that was held against another.
type Check struct {
	Name    string  `json:"name"`
	Result  Result  `json:"result"`
	Detail  string  `json:"detail,omitempty"`             // what differs, or why it was not checked, or what was compared
	Largest float64 `json:"largest_difference,omitempty"` // of numbers, |got - want|
	numbers bool
}

// Result is how a check went.
type Result string

// The results.
const (
	OK      Result = "ok"
	Failed  Result = "FAILED"
	Skipped Result = "skipped" // it does not apply; the detail says why
)

// Report says what a verification checked.
type Report struct {
	Path   string  `json:"path"`
	Digest string  `json:"digest"` // of the graph
	Opset  int64   `json:"opset"`  // of the default domain
	Checks []Check `json:"checks"`
}

// OK says whether nothing failed.
func (r *Report) OK() bool {
	for _, c := range r.Checks {
		if c.Result == Failed {
			return false
		}
	}
	return true
}

// Err is nil where nothing failed, else an ErrDiffers that names the first check that did.
func (r *Report) Err() error {
	for _, c := range r.Checks {
		if c.Result == Failed {
			return fmt.Errorf("%w: %s: %s", ErrDiffers, c.Name, c.Detail)
		}
	}
	return nil
}

// String gives the report as a Markdown table, which reads as well on a terminal.
func (r *Report) String() string {
	rows := [][]string{{"check", "result", "largest difference", "detail"}}
	for _, c := range r.Checks {
		largest := ""
		if c.numbers {
			largest = fmt.Sprintf("%.2g", c.Largest)
		}
		rows = append(rows, []string{c.Name, string(c.Result), largest, strings.NewReplacer("\n", " ", "|", "/").Replace(c.Detail)})
	}
	var width [4]int
	for _, row := range rows {
		for k, cell := range row {
			width[k] = max(width[k], len([]rune(cell)))
		}
	}
	var s strings.Builder
	line := func(row []string, fill string) {
		for k, cell := range row {
			s.WriteString("| " + cell)
			if k < len(row)-1 { // the last column is of any length
				s.WriteString(strings.Repeat(fill, width[k]-len([]rune(cell))))
			}
			s.WriteString(" ")
		}
		s.WriteString("|\n")
	}
	for i, row := range rows {
		line(row, " ")
		if i == 0 {
			line([]string{"---", "---", "---", "---"}, "-")
		}
	}
	return s.String()
}

func (r *Report) add(name string, result Result, format string, args ...any) {
	r.Checks = append(r.Checks, Check{Name: name, Result: result, Detail: fmt.Sprintf(format, args...)})
}

// same records a check that found nothing where difference is empty.
func (r *Report) same(name, difference string, err error, passed string) {
	switch {
	case err != nil:
		r.add(name, Failed, "%v", err)
	case difference != "":
		r.add(name, Failed, "%s", difference)
	default:
		r.add(name, OK, "%s", passed)
	}
}
