package main

// switches is compiled into the package under test. Mutant 0 is none; with a negative number no mutant
// is chosen, and each that is reached is noted in the file SAROS_MUTANTS_REACHED.
const switches = `package %s

import (
	"cmp"
	"os"
	"strconv"
	"sync"
)

var mutant__chosen, _ = strconv.Atoi(os.Getenv("SAROS_MUTANT"))

func mutant__is(id int) bool {
	return mutant__chosen == id || mutant__chosen < 0 && id > 0 && !mutant__reached[id] && mutant__reach(id)
}

var (
	mutant__mu      sync.Mutex
	mutant__reached [1 << 16]bool // read without the lock: at worst a mutant is noted twice
	mutant__file    *os.File
)

func mutant__reach(id int) bool {
	mutant__mu.Lock()
	defer mutant__mu.Unlock()
	mutant__reached[id] = true
	if mutant__file == nil {
		var err error
		if mutant__file, err = os.OpenFile(os.Getenv("SAROS_MUTANTS_REACHED"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
			panic(err)
		}
	}
	if _, err := mutant__file.WriteString(strconv.Itoa(id) + "\n"); err != nil {
		panic(err)
	}
	return false
}

type mutant__integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

func mutant__zero[T any](id int, v T) T {
	if mutant__is(id) {
		var zero T
		return zero
	}
	return v
}

func mutant__number[T mutant__integer](id int, v T, by int64) T {
	if mutant__is(id) {
		return v + T(by)
	}
	return v
}

func mutant__word[T ~string](id int, v T) T {
	if mutant__is(id) {
		return v + "?"
	}
	return v
}

func mutant__other[T mutant__integer](id int, v T) T {
	if mutant__is(id) {
		return ^v
	}
	return v
}

func mutant__otherWord[T ~string](id int, v T) T {
	if mutant__is(id) {
		return v + "\x00"
	}
	return v
}

func mutant__min[T cmp.Ordered](id int, v T, more ...T) T {
	if mutant__is(id) {
		for _, w := range more {
			v = max(v, w)
		}
		return v
	}
	for _, w := range more {
		v = min(v, w)
	}
	return v
}

func mutant__max[T cmp.Ordered](id int, v T, more ...T) T {
	if mutant__is(id) {
		for _, w := range more {
			v = min(v, w)
		}
		return v
	}
	for _, w := range more {
		v = max(v, w)
	}
	return v
}

func mutant__compare[T cmp.Ordered](id int, a, b T) int {
	if mutant__is(id) {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}
`

// orderedSwitch is an ordering of two values, its boundary moved, and its negation. operatorSwitch is an
// operator and another.
const (
	orderedSwitch = `
func mutant__%[1]s[T cmp.Ordered](boundary, negation int, a, b T) bool {
	switch {
	case mutant__is(boundary):
		return a %[3]s b
	case mutant__is(negation):
		return a %[4]s b
	}
	return a %[2]s b
}
`
	operatorSwitch = `
func mutant__%[1]s[T mutant__integer](id int, a, b T) T {
	if mutant__is(id) {
		return a %[3]s b
	}
	return a %[2]s b
}
`
	shiftSwitch = `
func mutant__%[1]s[T, U mutant__integer](id int, a T, b U) T {
	if mutant__is(id) {
		return a %[3]s b
	}
	return a %[2]s b
}
`
)
