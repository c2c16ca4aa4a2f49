package checker

import "github.com/anishathalye/porcupine"

type answer uint8

const (
	undecided answer = iota
	legal
	illegal
)

// search asks Porcupine, within an allowance of steps.
type search struct {
	meter
	normal normaliser
	work   []Operation
	input  []porcupine.Operation
}

// judge decides whether the operations of one key, from a missing key on, have a legal order. It
// leaves ops as they are; their order decides only how long the search takes.
func (s *search) judge(ops []Operation) answer {
	if s.spent {
		return undecided
	}
	s.work = s.normal.normalise(append(s.work[:0], ops...))
	s.input = s.input[:0]
	for i := range s.work {
		op := &s.work[i]
		s.input = append(s.input, porcupine.Operation{Input: op, Call: op.Call, Return: op.Return})
	}
	return s.ask(keyModel, s.input)
}

// keyModel is one key, the input of an operation is the operation.
//
//saros:constant a specification
var keyModel = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(st, input, _ any) (bool, any) {
		after, agrees := st.(state).step(input.(*Operation))
		if !agrees || after == st.(state) {
			return agrees, st // the old box: a new one would be garbage
		}
		return true, after
	},
	Equal: func(a, b any) bool { return a.(state) == b.(state) },
	Hash:  func(st any) uint64 { return hash(st.(state)) },
}

// hash spreads a state over 64 bits, by the finaliser of SplitMix64 (Steele, Lea, Flood, 2014).
func hash(s state) uint64 {
	x := uint64(s.value)
	if s.exists {
		x += 0x9e3779b97f4a7c15
	}
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
