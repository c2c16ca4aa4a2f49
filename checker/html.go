package checker

import (
	"errors"
	"fmt"
	"io"

	"github.com/anishathalye/porcupine"
)

// WriteHTML writes a page, for a browser, on which the core of an invalid report can be explored, drawn
// by Porcupine. The order in which it holds the partial orders, hence its bytes, may differ each time.
func WriteHTML(w io.Writer, h *History, r Report) error {
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
	model.DescribeState = func(s any) string {
		if s.(state).exists {
			return fmt.Sprint(s.(state).value)
		}
		return "missing"
	}
	return visualize(w, model, input)
}

// WriteHTML writes the core of an invalid report of Check; see the function WriteHTML.
func (m *Model[S, I, O]) WriteHTML(w io.Writer, calls []Call[I, O], r Report) error {
	var input []porcupine.Operation
	for _, id := range r.Core {
		c := &calls[id]
		t := task[I, O]{id, c.Session, &c.Input, &c.Output, c.Call, c.Return}
		if c.Outcome != Ok {
			t = t.opened()
		}
		input = append(input, porcupine.Operation{ClientId: int(c.Session), Input: &t, Call: t.call, Return: t.ret})
	}
	return visualize(w, m.porcupine(), input)
}

func visualize(w io.Writer, model porcupine.Model, input []porcupine.Operation) error {
	if len(input) == 0 {
		return errors.New("checker: a report without a core has nothing to draw")
	}
	var s meter
	s.start(DefaultSteps)
	_, info := porcupine.CheckOperationsVerbose(s.metered(model, len(input)), input, 0)
	return porcupine.Visualize(model, info, w)
}
