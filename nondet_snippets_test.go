package saros_test

// A snippet is a small file that the rules are tried on: see TestBans.
type snippet struct {
	name   string
	text   string  // without its package clause
	file   string  // "snippet.go" if empty
	policy *policy // everything banned if nil
}

var snippets = []snippet{{
	name: "goroutines",
	text: `
func f(work func()) {
	go work() // want: go statement
	go func() { // want: go statement
	}()
}`,
}, {
	name: "channels",
	text: `
type mail chan int // want: channel

func f(m mail, in <-chan string) { // want: channel
	m <- 1 // want: channel
	<-m // want: channel
	select { // want: select
	case v := <-m: // want: channel
		_ = v
	}
	for range m { // want: range over a channel
	}
}

func drain[C ~chan int](c C) { // want: channel
	for range c { // want: range over a channel
	}
}

func drainOther[C interface{ chan int }](c C) { // want: channel
	for range c { // want: range over a channel
	}
}`,
}, {
	name: "sync",
	text: `
import (
	"sync" // want: import of sync: a World is one goroutine
	"sync/atomic" // want: import of sync/atomic
	"context" // want: import of context
)

type counter struct {
	mu sync.Mutex
	n  atomic.Int64
}

func f(ctx context.Context) {}`,
}, {
	name: "wall time",
	text: `
import (
	"time"
	clock "time"
)

func f() time.Duration {
	begin := time.Now() // want: time.Now
	time.Sleep(time.Second) // want: time.Sleep
	tell := time.Now // want: time.Now
	_ = clock.Until(tell()) // want: time.Until
	time.AfterFunc(1, func() {}) // want: time.AfterFunc
	_ = time.NewTimer(1) // want: time.NewTimer
	_ = time.NewTicker // want: time.NewTicker
	<-time.After(1) // want: channel // want: time.After
	return time.Since(begin) // want: time.Since
}

func machine(t time.Time) {
	_ = t.Local() // want: time.Time.Local
	_ = t.In(time.Local) // want: time.Local
	_ = t.UTC()
}

type alarm struct{ t *time.Timer } // want: time.Timer

const patience = 3 * time.Second

func Now() time.Time { return time.Time{} }

func own() { Now() }`,
}, {
	name: "wall time by dot import",
	text: `
import . "time"

var _ = Now // want: time.Now`,
}, {
	name: "random sources",
	text: `
import (
	"crypto/ecdsa" // want: import of crypto/ecdsa
	"crypto/ed25519"
	"crypto/rand" // want: import of crypto/rand
	"hash/crc32"
	"hash/maphash" // want: import of hash/maphash
	old "math/rand" // want: import of math/rand: its randomness is not the seed's
	"math/rand/v2" // want: import of math/rand/v2
)

func f(seed []byte, p []byte) {
	_, _, _ = ed25519.GenerateKey(nil) // want: crypto/ed25519.GenerateKey
	_ = ed25519.NewKeyFromSeed(seed)
	_ = crc32.ChecksumIEEE(p)
	old.Int()
}`,
}, {
	name: "the machine",
	text: `
import (
	"os" // want: import of os: it reads or changes the machine
	"os/exec" // want: import of os/exec
	"net" // want: import of net
	"net/http" // want: import of net/http
	"unsafe" // want: import of unsafe
	"syscall" // want: import of syscall
	"flag" // want: import of flag
	"log" // want: import of log
	"log/slog" // want: import of log/slog
	"path"
	"path/filepath" // want: import of path/filepath
)

func f() string { return path.Join("a", "b") }`,
}, {
	name: "runtime",
	text: `
import (
	"runtime"
	"runtime/debug"
)

func f() {
	runtime.Gosched() // want: runtime.Gosched
	_ = runtime.NumGoroutine() // want: runtime.NumGoroutine
	_ = runtime.GOMAXPROCS // want: runtime.GOMAXPROCS
	if runtime.GOARCH == "386" { // want: runtime.GOARCH
		runtime.GC() // want: runtime.GC
		debug.SetGCPercent(1) // want: runtime/debug.SetGCPercent
	}
	_, file, line, _ := runtime.Caller(1)
	_, _ = file, line
	if e, ok := recover().(runtime.Error); ok {
		panic(e.Error() + string(debug.Stack()))
	}
}`,
}, {
	name: "printing",
	text: `
import "fmt"

func f(n int) string {
	fmt.Println(n) // want: fmt.Println
	fmt.Printf("%d", n) // want: fmt.Printf
	println(n) // want: println
	return fmt.Sprint(n)
}`,
}, {
	name: "range over a map",
	text: `
type set map[string]bool

type holder[M ~map[K]V, K comparable, V any] struct{ m M }

func (h holder[M, K, V]) each(do func(K)) {
	for k := range h.m { // want: range over a map: the order of a map changes
		do(k)
	}
}

func f(m map[string]int, s set, list []string) (n int) {
	for _, v := range m { // want: range over a map
		n += v
	}
	for range s { // want: range over a map
		n++
	}
	for k := range (m) { // want: range over a map
		delete(m, k)
	}
	for _, name := range list {
		n += len(name) + m[name]
	}
	for i := range n {
		n += i
	}
	return n + len(m)
}`,
}, {
	name: "range over a map that only gathers keys",
	text: `
import (
	"slices"
	"sort"
)

func sorted(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func old(m map[string]int) (keys []string) {
	if m != nil {
		for k := range m { //saros:unordered sorted below
			keys = append(keys, k)
		}
		sort.Strings(keys)
	}
	return keys
}

func unsorted(m map[string]int) []string {
	var keys []string
	for k := range m { // want: range over a map
		keys = append(keys, k)
	}
	return keys
}

func another(m map[string]int, other []string) []string {
	var keys []string
	for k := range m { // want: range over a map
		keys = append(keys, k)
	}
	slices.Sort(other)
	return keys
}

func late(m map[string]int) []string {
	var keys []string
	for k := range m { // want: range over a map
		keys = append(keys, k)
	}
	first := keys[0]
	slices.Sort(keys)
	return append(keys, first)
}

func values(m map[string]int) []int {
	var all []int
	for _, v := range m { // want: range over a map
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

func ready(m map[string]int, s sorter) {
	var keys []string
	for k := range m { // want: range over a map
		keys = append(keys, k)
	}
	s.sort(keys)
	for range m { // want: range over a map
		keys = append(keys, "")
	}
	slices.Sort(keys)
	for keys[0] = range m { // want: range over a map
		keys = append(keys, keys[0])
	}
	slices.Sort(keys)
	for k := range m { // want: range over a map
		keys = append(keys, k)
	}
	defer slices.Sort(keys)
	for k := range m { // want: range over a map
		keys[0] += k
	}
	slices.Sort(keys)
	for k := range m { // want: range over a map
		keys[0] = min(keys[0], k)
	}
	slices.Sort(keys)
}

type sorter struct{ sort func([]string) }

func more(m map[string]int) []string {
	var keys []string
	for k := range m { // want: range over a map
		keys = append(keys, k)
		m[k]++
	}
	slices.Sort(keys)
	return keys
}`,
}, {
	name: "range over a map with a reason",
	text: `
func total(m map[string]int) (n int) {
	//saros:unordered a sum does not depend on it
	for _, v := range m {
		n += v
	}
	for _, v := range m { //saros:unordered a sum does not depend on it
		n += v
	}
	// All must be counted.
	//
	//saros:unordered a sum does not depend on it
	for _, v := range m {
		n += v
	}
	//saros:unordered // want: a mark needs its reason
	for _, v := range m { // want: range over a map
		n += v
	}
	//saros:unordered this is not the line // want: it excuses nothing
	n++
	for _, v := range m { // want: range over a map
		n += v
	}
	//saros:sorted it is not // want: there is no such mark
	//saros:float a sum is no float // want: it excuses nothing
	return n
}`,
}, {
	name: "package maps",
	text: `
import (
	"cmp"
	. "maps"
	"maps"
	"slices"
)

type pair struct{ a, b int }

func compare(x, y pair) int { return cmp.Or(x.a-y.a, x.b-y.b) }

func f(m map[string]int, n map[pair]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_ = k
	}
	_ = slices.SortedFunc(maps.Keys(n), compare)
	_ = slices.SortedStableFunc(maps.Keys(n), compare)
	_ = slices.Sorted(maps.Values(m))
	_ = maps.Clone(m)
	_ = maps.Equal(m, m)
	for k := range maps.Keys(m) { // want: maps.Keys: the order of a map
		_ = k
	}
	_ = slices.Collect(maps.Keys(m)) // want: maps.Keys
	_ = slices.Collect(maps.Values(m)) // want: maps.Values
	for k, v := range maps.All(m) { // want: maps.All
		_, _ = k, v
	}
	maps.DeleteFunc(m, func(string, int) bool { return true }) // want: maps.DeleteFunc
	keys := maps.Keys[map[string]int] // want: maps.Keys
	_ = slices.Sorted(keys(m))
	_ = slices.Collect(Keys(m)) // want: maps.Keys
	//saros:unordered a set is counted
	_ = len(slices.Collect(maps.Keys(m)))
}`,
}, {
	name: "order of maps by reflection",
	text: `
import "reflect"

func f(v reflect.Value) {
	_ = v.MapKeys() // want: reflect.Value.MapKeys
	_ = v.MapRange // want: reflect.Value.MapRange
	_ = v.Pointer() // want: reflect.Value.Pointer
	_ = v.Len()
}`,
}, {
	name: "floats",
	text: `
import (
	"math"
	"time"
)

type ratio float64 // want: floating point: machines round floats differently

type link struct {
	loss float32 // want: floating point
	c    complex128 // want: floating point
	ppm  int64
	r    ratio // want: floating point
}

const (
	million = 1e6 // want: floating point
	turn    = 1i // want: floating point
	end     = math.MaxInt64
)

func f(d time.Duration, l link) int64 {
	s := d.Seconds() // want: floating point
	n := int64(s) // want: floating point
	if l.loss > 0 { // want: floating point
		n++
	}
	n += int64(float64(n) / 2) // want: floating point
	n += int64(math.Sqrt(4)) // want: floating point
	return n + l.ppm/2 + end
}

func report(n, of int64) int64 {
	return int64(float64(n) / float64(of)) //saros:float for the eye alone
}`,
}, {
	name:   "floats where they decide nothing",
	policy: &policy{state: true},
	text: `
func share(n, of int) float64 { return float64(n) / float64(of) * 1e2 }`,
}, {
	name: "package variables",
	text: `
import (
	"errors"
	"fmt"
	"hash/crc32"
)

type thing struct{ n int }

func (t *thing) Do() {}

type options struct {
	name  string
	sizes [2]int
}

var _ interface{ Do() } = (*thing)(nil)

var (
	ErrNone       = errors.New("none")
	errHere       = fmt.Errorf("here: %w", ErrNone)
	ErrOwn  error = &own{} // want: package variable ErrOwn
)

type own struct{}

func (*own) Error() string { return errHere.Error() }

var names = [...]string{"a", "b"}

var defaults = options{name: "x"}

var shared = struct{ sizes []int }{} // want: package variable shared

var weights = []int{1, 2} // want: package variable weights: what one run leaves

var table = crc32.MakeTable(crc32.Castagnoli) // want: package variable table

var byName = map[string]int{} // want: package variable byName

var draw = func() int { return 4 } // want: package variable draw

var first *thing // want: package variable first

// All lists all there are.
//
//saros:constant a list, only read
var All = []string{"a", "b"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //saros:constant crc32 never writes to it

var long = []string{"a",
	"b"} //saros:constant names

//saros:constant tables, generated
var (
	low  = []int{1}
	high = []int{2}
)

func f(i int) string { return names[i] + defaults.name }`,
}, {
	name: "writes to package variables",
	text: `
import "errors"

type counter struct{ n int }

func (c *counter) Add()    { c.n++ }
func (c counter) Get() int { return c.n }

var (
	ErrGone = errors.New("gone")
	limits  [4]int
	total   counter
	free    counter //saros:constant lent out, read only
	known   = map[string]*counter{} //saros:constant filled here
	list    = []int{1} //saros:constant only read
)

func init() {
	known["a"] = nil // want: write to package variable known
	limits[0] = 1 // want: write to package variable limits
}

func f(m map[string]int) {
	ErrGone = nil // want: write to package variable ErrGone
	total.n++ // want: write to package variable total
	total.Add() // want: address of package variable total
	_ = total.Get()
	known["a"].n = 2 // want: write to package variable known
	list[0], m["x"] = 3, 4 // want: write to package variable list
	(list)[0] += 1 // want: write to package variable list
	delete(known, "a") // want: write to package variable known
	clear(list) // want: write to package variable list
	copy(list[1:], list) // want: write to package variable list
	for limits[1] = range 3 { // want: write to package variable limits
	}
	for m["a"], list[0] = range []int{1} { // want: write to package variable list
	}
	_ = limits[:] // want: address of package variable limits
	p := &limits // want: address of package variable limits
	p[0]++
	_ = &free
	q := &limits //saros:constant q is only read
	_ = q[0]
	limits := limits
	limits[0] = 1
	delete(m, "a")
}`,
}, {
	name: "writes to another package's variables",
	text: `
import "io"

func f() {
	io.EOF = nil // want: write to package variable EOF
}`,
}, {
	name:   "package variables where they need no reason",
	policy: &policy{},
	text: `
var All = []int{1, 2}

func f() {
	All = nil // want: write to package variable All
}`,
}, {
	name: "build constraint in a file's name",
	file: "disk_linux.go",
	text: ` // want: build constraint: every machine must run the same source`,
}, {
	name: "a mark in a string, and one that is not alone",
	text: `
const text = "//saros:nothing"

func f(m map[string]int) {
	_ = "x" //saros:unordered trailing: for its own line only // want: it excuses nothing
	for range m { // want: range over a map
	}
}`,
}, {
	name: "what does not type-check",
	text: ` // want: does not type-check

var n int = "many"`,
}}
