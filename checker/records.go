package checker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/saros-sim/saros/checker/internal/valid"
)

// eachLine hands out the lines of r, numbered from 1, each with its newline. An error names the line.
func eachLine(r io.Reader, use func(n int, line []byte) error) (lines int, err error) {
	in := bufio.NewReaderSize(r, maxLineBytes+1)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return n - 1, nil
		case errors.Is(err, bufio.ErrBufferFull):
			err = fmt.Errorf("longer than %d bytes", maxLineBytes)
		case err == io.EOF:
			err = nil
		}
		if err == nil {
			err = use(n, line)
		}
		if err != nil {
			return n, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// readRecords reads a header and then one record a line, and only what writeRecords writes: take says
// how a line is spelled, and it must be spelled so byte for byte, so that no two readers can understand
// it differently. A line without its end is a file cut short.
func readRecords(r io.Reader, schema string, most int, take func(line []byte) (spelled any, err error)) error {
	header := []byte(`{"schema":"` + schema + `"}`)
	n, err := eachLine(r, func(n int, line []byte) error {
		line, whole := bytes.CutSuffix(line, []byte("\n"))
		switch {
		case n == 1 && !bytes.Equal(line, header):
			return fmt.Errorf("want the header %s, got %.60q", header, line)
		case n > most+1:
			return fmt.Errorf("more than %d records", most)
		case !whole:
			return errors.New("cut short")
		case n == 1:
			return nil
		}
		spelled, err := take(line)
		if err != nil {
			return err
		}
		if want := spell(spelled); !bytes.Equal(line, want) {
			return fmt.Errorf("not spelled as it is written: %.200s", want)
		}
		return nil
	})
	if n == 0 {
		err = errors.New("line 1: no header")
	}
	return err
}

// writeRecords writes a header and one record a line.
func writeRecords(w io.Writer, schema string, n int, record func(i int) any) error {
	out := bufio.NewWriter(w)
	out.WriteString(`{"schema":"` + schema + "\"}\n") // bufio keeps the first error for Flush
	for i := range n {
		out.Write(spell(record(i)))
		out.WriteByte('\n')
	}
	return out.Flush()
}

func spell(record any) []byte {
	b, _ := json.Marshal(record) // integers, truths and strings cannot fail
	return b
}

// typeOf returns what the field type of a line says.
func typeOf(line []byte) (string, error) {
	var t struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(line, &t)
	return t.Type, err
}

// lineOf is the line of a record of a file.
func lineOf(id int) int { return id + 2 }

// sequential returns the record, if there is one of n, by which a session calls again while it waits.
func sequential(n int, call func(i int) valid.Call) (id int, err error) {
	i, open := valid.Sessions(n, call)
	if i < 0 {
		return 0, nil
	}
	c := call(i)
	return i, fmt.Errorf("session %d calls at %d while its record %d is open", c.Session, c.Call, open)
}

// conflict reports records that contradict each other, the last of them as the one that shows it,
// with a line for each, a picture and a sentence.
func conflict(class, what string, lines []string, rows []row, why string) Report {
	r := Report{Verdict: Invalid, Class: class, Op: rows[len(rows)-1].id}
	for _, row := range rows {
		r.Core = append(r.Core, row.id)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", class, what)
	if hidden := len(rows) - maxLanes; hidden > 0 {
		fmt.Fprintf(&b, "  (%d earlier records not shown)\n", hidden)
		lines, rows = lines[hidden:], rows[hidden:]
	}
	for i, line := range lines {
		fmt.Fprintf(&b, "  #%-4d %s\n", rows[i].id, line)
	}
	b.WriteByte('\n')
	lanes(&b, rows)
	fmt.Fprintf(&b, "\n%s\n", why)
	r.Text = b.String()
	return r
}
