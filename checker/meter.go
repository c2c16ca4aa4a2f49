package checker

import "github.com/anishathalye/porcupine"

// meter asks Porcupine within an allowance of steps, whatever the model. Porcupine counts none itself,
// and a limit of time would make a verdict depend on the machine.
type meter struct {
	allowance int64
	steps     int64
	spent     bool // the allowance ran out: from then on nothing is proven illegal
}

func (m *meter) start(allowance int64) { m.allowance, m.steps, m.spent = allowance, 0, false }

// ask decides whether input, the operations on one object, has a legal order. One object a call:
// Porcupine would search several at once, each in a goroutine of its own, and the order in which they
// count steps would not be ours.
func (m *meter) ask(model porcupine.Model, input []porcupine.Operation) answer {
	switch {
	case porcupine.CheckOperations(m.metered(model, len(input)), input):
		return legal // an order it found is a proof, even one found with the last step
	case m.spent:
		return undecided
	}
	return illegal
}

// metered is model with its steps counted, for n operations.
func (m *meter) metered(model porcupine.Model, n int) porcupine.Model {
	step, memory := model.Step, int64(n/1024)
	model.Step = func(st, in, out any) (bool, any) {
		if m.steps >= m.allowance {
			m.spent = true // refusing every step ends the search soon
			return false, st
		}
		m.steps++
		agrees, after := step(st, in, out)
		if agrees {
			m.steps += memory
		}
		return agrees, after
	}
	return model
}
