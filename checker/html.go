package checker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/anishathalye/porcupine"
)

// Annotation is what happened beside the operations, as a fault: from At until Until (virtual ns).
type Annotation struct {
	At, Until int64
	Text      string
}

// WriteHTML writes a page, for a browser, on which the core of an invalid report can be explored, drawn
// by Porcupine, with notes that touch the time of the core below it. The same arguments give the same
// bytes.
func WriteHTML(w io.Writer, h *History, r Report, notes ...Annotation) error {
	core := make([]Operation, 0, len(r.Core))
	for _, id := range r.Core {
		op := h.Operations[id]
		if op.Outcome != Ok {
			open(&op)
		}
		core = append(core, op)
	}
	var input []porcupine.Operation
	for i := range core {
		op := &core[i]
		input = append(input, porcupine.Operation{ClientId: int(op.Session), Input: op, Call: op.Call, Return: op.Return})
	}
	model := keyModel
	model.DescribeOperation = func(in, _ any) string { return describe(in.(*Operation)) }
	return visualize(w, model, input, notes)
}

// WriteHTML writes the core of an invalid report of Check; see the function WriteHTML.
func (m *Model[S, I, O]) WriteHTML(w io.Writer, calls []Call[I, O], r Report, notes ...Annotation) error {
	var input []porcupine.Operation
	for _, id := range r.Core {
		c := &calls[id]
		t := task[I, O]{id: id, session: c.Session, in: &c.Input, out: &c.Output, call: c.Call, ret: c.Return}
		if c.Outcome != Ok {
			t = t.opened()
		}
		input = append(input, porcupine.Operation{ClientId: int(c.Session), Input: &t, Call: t.call, Return: t.ret})
	}
	model := m.porcupine()
	model.DescribeOperation = func(in, _ any) string { t := in.(*task[I, O]); return m.Describe(*t.in, t.out) }
	return visualize(w, model, input, notes)
}

func visualize(w io.Writer, model porcupine.Model, input []porcupine.Operation, notes []Annotation) error {
	if len(input) == 0 {
		return errors.New("checker: a report without a core has nothing to draw")
	}
	var s meter
	s.start(DefaultSteps)
	_, info := porcupine.CheckOperationsVerbose(s.metered(model, len(input)), input, 0)
	info.AddAnnotations(rowsOfNotes(within(input, notes)))
	var page bytes.Buffer
	if err := porcupine.Visualize(model, info, &page); err != nil {
		return err
	}
	settled, err := settle(page.Bytes())
	if err != nil {
		return err
	}
	_, err = w.Write(settled)
	return err
}

// within sorts out the notes that touch the time from the first call to the last return.
func within(input []porcupine.Operation, notes []Annotation) (list []Annotation) {
	first, last := int64(never), int64(0)
	for _, op := range input {
		first, last = min(first, op.Call), max(last, op.Call)
		if op.Return != never {
			last = max(last, op.Return)
		}
	}
	for _, n := range notes {
		if n.Until = max(n.At, n.Until); n.Until >= first && n.At <= last {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b Annotation) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Until, b.Until), cmp.Compare(a.Text, b.Text))
	})
	return list
}

const noteColor = "#efaefc"

// rowsOfNotes puts notes, which are sorted, into as many rows as none covers another in.
func rowsOfNotes(notes []Annotation) (list []porcupine.Annotation) {
	var ends []int64 // of each row
	for _, n := range notes {
		row := slices.IndexFunc(ends, func(end int64) bool { return end < n.At })
		if row < 0 {
			row, ends = len(ends), append(ends, n.Until)
		}
		ends[row] = n.Until
		list = append(list, porcupine.Annotation{Tag: fmt.Sprintf("faults %2d", row+1), Start: n.At, End: n.Until,
			Description: n.Text, BackgroundColor: noteColor})
	}
	return list
}

// partialOrder is a list of steps, as Porcupine's page holds it.
type partialOrder []partialStep

type partialStep struct {
	Index            int
	StateDescription string
}

// compare puts the longest first.
func (p partialOrder) compare(q partialOrder) int {
	return cmp.Or(cmp.Compare(len(q), len(p)),
		slices.CompareFunc(p, q, func(a, b partialStep) int { return cmp.Compare(a.Index, b.Index) }))
}

// settle sorts the partial orders in a page of Porcupine, which come out of a map, and names again for
// each operation the first of the longest that hold it.
func settle(page []byte) ([]byte, error) {
	const before, after = "const data = ", "\n"
	_, behind, _ := bytes.Cut(page, []byte(before)) // nothing, if there is none
	text, _, closed := bytes.Cut(behind, []byte(after))
	if !closed {
		return nil, errors.New("checker: Porcupine's page holds no data")
	}
	var data struct {
		Partitions []struct {
			History               json.RawMessage
			PartialLinearizations []partialOrder
			Largest               map[int]int
		}
		Annotations json.RawMessage
	}
	if err := json.Unmarshal(text, &data); err != nil {
		return nil, fmt.Errorf("checker: Porcupine's page: %w", err)
	}
	for i := range data.Partitions {
		p := &data.Partitions[i]
		slices.SortFunc(p.PartialLinearizations, partialOrder.compare)
		clear(p.Largest)
		for n, order := range p.PartialLinearizations {
			for _, step := range order {
				if _, known := p.Largest[step.Index]; !known {
					p.Largest[step.Index] = n
				}
			}
		}
	}
	sorted, _ := json.Marshal(data) // what was read can be written
	at := len(page) - len(behind)
	return slices.Concat(page[:at], sorted, page[at+len(text):]), nil
}
