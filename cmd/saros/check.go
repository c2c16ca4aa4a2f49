package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/histories"
	"github.com/saros-sim/saros/checker/txn"
	"github.com/saros-sim/saros/scenarios"
)

// model is what a history can be judged by: a check for each of the formats that can say its operations.
type model struct {
	name  string
	saros func(*checker.History, checker.Budget) checker.Report // nil: saros/history/v1 has no such operations
	log   func(*histories.Log, checker.Budget) checker.Report
	html  func(io.Writer, *histories.Log, checker.Report) error
	verbs []checker.Verb                 // that log understands
	txn   bool                           // package txn judges its transactions
	weak  *checker.Check                 // instead of saros: a property weaker than linearizability
	holds string                         // what a valid history is; "": linearizable
	own   func(io.Reader) (judge, error) // instead of all: a history of a format of its own
}

// The models with transactions: of lists and versioned registers, or of one of them.
const (
	transactions = "transactions"
	listAppend   = "list-append"
	registers    = "registers"
)

// weak are the models that are judged from the claims of the replies.
func weak() (all []model) {
	for i := range checker.Checks {
		c := &checker.Checks[i]
		all = append(all, model{name: c.Name, weak: c, holds: c.Name + " holds"})
	}
	return all
}

// judge is a history that has been read, and how to judge it.
type judge struct {
	counts scenarios.Counts
	check  func(checker.Budget) checker.Report
	html   func(io.Writer, checker.Report) error // the core of an invalid report
	covers func() []covered                      // what the history put to the test, once it is checked; nil: not told
	holds  string
}

// covered is how often something that a verdict is about happened in a history.
type covered struct {
	What string `json:"what"`
	N    int    `json:"n"`
}

// models are all of them; the first is the default.
//
//saros:constant table
var models = append([]model{
	{name: "kv", saros: checker.CheckLinearizable, log: (*histories.Log).CheckRegister, html: registerHTML, verbs: registerVerbs},
	{name: "register", saros: checker.CheckLinearizable, log: (*histories.Log).CheckRegister, html: registerHTML, verbs: registerVerbs},
	searched(checker.CounterModel(), []checker.Verb{checker.Read, checker.Add}),
	searched(checker.QueueModel(), elementVerbs),
	searched(checker.StackModel(), elementVerbs),
	searched(checker.PriorityQueueModel(), elementVerbs),
	searched(checker.SetModel(), []checker.Verb{checker.Read, checker.Add, checker.Remove}),
	withTransactions(searched(checker.ListModel(), []checker.Verb{checker.Append, checker.Read})),
	searched(checker.MembershipModel(), []checker.Verb{checker.TryAdd, checker.TryRemove, checker.Contains}),
	searched(checker.LockModel(), []checker.Verb{checker.Acquire, checker.Release}),
	searched(checker.TextModel(), []checker.Verb{checker.Read, checker.Write, checker.Append}),
	withTransactions(model{name: transactions}),
	withTransactions(model{name: registers}),
	{name: "locks", own: loadLocks},
	{name: "once", own: loadRequests},
}, weak()...)

//saros:constant tables
var (
	registerVerbs = []checker.Verb{checker.Read, checker.Write, checker.Swap}
	elementVerbs  = []checker.Verb{checker.Insert, checker.Take}
	formats       = []string{"saros", "jepsen", "porcupine"}
)

// searched is a model that is judged by search, where it has nothing better.
func searched[S any](m *checker.Model[S, checker.Input, checker.Output], verbs []checker.Verb) model {
	return model{
		name:  m.Name,
		log:   func(l *histories.Log, b checker.Budget) checker.Report { return m.Check(l.Calls, b) },
		html:  func(w io.Writer, l *histories.Log, r checker.Report) error { return m.WriteHTML(w, l.Calls, r) },
		verbs: verbs,
	}
}

func registerHTML(w io.Writer, l *histories.Log, r checker.Report) error { return l.RegisterHTML(w, r) }

func modelNames() (names []string) {
	for _, m := range models {
		names = append(names, m.name)
	}
	return names
}

// checkResult is the JSON result of a check.
type checkResult struct {
	Schema     string           `json:"schema"`
	File       string           `json:"file"`
	Format     string           `json:"format"`
	Model      string           `json:"model"`
	Verdict    string           `json:"verdict"`
	Reason     string           `json:"reason"`
	Class      string           `json:"class"`
	Key        string           `json:"key"`
	Operation  int              `json:"operation"` // that no order explains; -1
	Core       []int            `json:"core"`
	Text       string           `json:"text"`
	Steps      int64            `json:"steps"`
	Operations operationsResult `json:"operations"`
	Coverage   []covered        `json:"coverage"`
}

// checkFlags are the flags of check.
type checkFlags struct {
	format, model string
	html          string
	isolation     string
	budget        int64
	bound         time.Duration
	progress      bool
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check HISTORY",
		Short: "Judge a history: is it linearizable?",
		Long: `Judge a history of operations (- is stdin), from saros run --history or from a real system:
could one copy that serves one operation at a time have answered like that?

Formats: saros (saros/history/v1, JSON lines), jepsen (EDN, one map a line or one vector),
porcupine (lines of jepsen.util). Without --format the first character decides: a { with a
string behind it is saros, an I porcupine, anything else jepsen.

Models: kv and register (read, write, cas; in a saros history also increment and delete),
counter (add, read), queue, stack, priority-queue (enqueue or push or insert, dequeue or pop
or take), set (add, remove, read), list-append (append, read), membership (try-add, try-remove,
contains, each with a reply of true or false), lock (acquire, release), text (put, append, get).
Of a saros history also the session guarantees, staleness and timestamps that its replies claim (session/...,
staleness/..., timestamps/...), key by key; where versions are positions in one log of all keys, as those of
scenario kv are, also over all keys (log/...).
locks reads saros/locks/v1: grants that do not overlap, with tokens that rise and fence. once reads
saros/requests/v1: requests that were retried, each in the final list once, or never if all failed.
Models of transactions, which must keep an --isolation: list-append (Jepsen's, :f :txn, or
saros/transactions/v1), registers with versions (saros/transactions/v1), transactions (both).`,
		Example: `  saros run kv@7 --history history.jsonl
  saros check history.jsonl
  saros check store/latest/history.edn --model queue --budget 50000000`,
		Args: arguments(1, 1, "the history"),
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args[0], f) },
	}
	cmd.Flags().StringVar(&f.format, "format", "", "the `FORMAT` of the history: saros, jepsen or porcupine; by its first character if not given")
	cmd.Flags().StringVar(&f.model, "model", models[0].name, "what the history is a history of, `MODEL`")
	cmd.Flags().Int64Var(&f.budget, "budget", checker.DefaultSteps, "steps of search an object may take, `N`; then it is unknown")
	cmd.Flags().StringVar(&f.html, "html", "", "write the core of a violation to `FILE`, drawn by Porcupine, for a browser")
	cmd.Flags().StringVar(&f.isolation, "isolation", txn.StrictSerializable.String(), "the `LEVEL` that transactions must keep: "+strings.Join(levelNames(), ", "))
	cmd.Flags().DurationVar(&f.bound, "bound", 0, "how stale a read may be, for staleness/bounded")
	cmd.RegisterFlagCompletionFunc("isolation", words(levelNames()))
	cmd.Flags().BoolVar(&f.progress, "progress", false, "show progress on stderr even if it is no terminal")
	cmd.RegisterFlagCompletionFunc("format", words(formats))
	cmd.RegisterFlagCompletionFunc("model", words(modelNames()))
	return cmd
}

func (a *app) check(file string, f checkFlags) error {
	at := slices.IndexFunc(models, func(m model) bool { return m.name == f.model })
	switch {
	case at < 0:
		return badf("there is no model %s: %s", quoted(f.model), modelNames())
	case f.format != "" && !slices.Contains(formats, f.format):
		return badf("there is no format %s: %s", quoted(f.format), formats)
	case !slices.Contains(levelNames(), f.isolation):
		return badf("there is no isolation level %s: %s", quoted(f.isolation), levelNames())
	case f.bound < 0:
		return badf("--bound %v: at least 0", f.bound)
	case f.html != "" && models[at].html == nil:
		return badf("--html: there is no picture of model %s", f.model)
	case f.budget < 1:
		return badf("--budget %d: at least 1", f.budget)
	}
	source := a.in
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return bad(err)
		}
		defer opened.Close()
		source = opened
	}
	progress := newStatusLine(a.err, f.progress)
	defer progress.clear()
	progress.show("reading " + file)
	in := bufio.NewReaderSize(source, headBytes)
	format := cmp.Or(f.format, formatOf(in))
	j, err := load(in, format, models[at], f)
	if err != nil {
		return badf("%s: %w", file, err)
	}
	progress.show(fmt.Sprintf("judging %s by model %s", operationsText(j.counts), f.model))
	if f.html != "" && j.html == nil {
		return badf("--html: there is no picture of %s", j.holds)
	}
	report := j.check(checker.Budget{Steps: f.budget})
	progress.clear()
	if f.html != "" && report.Verdict == checker.Invalid {
		var page bytes.Buffer
		if err := j.html(&page, report); err != nil {
			return bad(err)
		}
		if err := os.WriteFile(f.html, page.Bytes(), 0o644); err != nil {
			return bad(err)
		}
	}
	coverage := []covered{}
	if j.covers != nil {
		coverage = j.covers()
	}
	if a.json {
		a.emit(checkResult{"saros/check/v1", file, format, f.model, report.Verdict.String(), report.Reason, report.Class, report.Key,
			report.Op, append([]int{}, report.Core...), report.Text, report.Steps, operationsResult(j.counts), coverage})
		return status(codeOf(report.Verdict))
	}
	switch report.Verdict {
	case checker.Valid:
		a.print("%s: valid: %s\n", safe(file), j.holds)
	case checker.Invalid:
		a.print("%s: VIOLATED: %s\n", safe(file), safe(report.Class))
	default:
		a.print("%s: unknown: %s\n", safe(file), reasonText(report.Reason))
	}
	a.print("  operations  %s\n", operationsText(j.counts))
	for i, c := range coverage {
		a.print("  %-10s  %s %s\n", []string{"coverage", ""}[min(i, 1)], count(c.N), c.What)
	}
	if report.Text != "" {
		a.print("\n%s", indent(report.Text, "  "))
	}
	return status(codeOf(report.Verdict))
}

func withTransactions(m model) model {
	m.txn = true
	return m
}

const headBytes = 64 << 10 // of a history, by which it is told what it is

// hasTransactions tells whether the head of a Jepsen history has a transaction.
func hasTransactions(in *bufio.Reader) bool {
	head, _ := in.Peek(headBytes)
	return bytes.Contains(head, []byte(":txn"))
}

// formatOf tells the format by how the history begins.
func formatOf(in *bufio.Reader) string {
	head, _ := in.Peek(512)
	head = bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(head) == 0:
		return "saros"
	case head[0] == 'I':
		return "porcupine"
	case head[0] == '{' && bytes.HasPrefix(bytes.TrimLeft(head[1:], " \t\r\n"), []byte(`"`)):
		return "saros"
	}
	return "jepsen"
}

// load reads a history and says how to judge it.
func load(in *bufio.Reader, format string, m model, f checkFlags) (j judge, err error) {
	j.holds = cmp.Or(m.holds, "linearizable")
	if m.txn && (m.log == nil || format == "saros" || format == "jepsen" && hasTransactions(in)) {
		return loadTransactions(in, format, m.name, txn.Level(slices.Index(levelNames(), f.isolation)))
	}
	if m.own != nil {
		if format != "saros" {
			return j, fmt.Errorf("model %s has a saros format of its own", m.name)
		}
		return m.own(in)
	}
	if m.weak != nil {
		if format != "saros" {
			return j, fmt.Errorf("only a saros history says what model %s judges", m.name)
		}
		m.saros = func(h *checker.History, _ checker.Budget) checker.Report { return m.weak.Run(h, f.bound.Nanoseconds()) }
	}
	if format == "saros" {
		if m.saros == nil {
			return j, fmt.Errorf("saros/history/v1 has no operations of model %s", m.name)
		}
		h, err := checker.ReadHistory(in)
		if err != nil {
			return j, err
		}
		for i := range h.Operations {
			tally(&j.counts, h.Operations[i].Outcome)
		}
		j.covers = func() []covered {
			c := h.Coverage()
			return []covered{{"found what another session wrote", c.Foreign}, {"overlapped with another on their key", c.Overlapping}}
		}
		j.check = func(b checker.Budget) checker.Report { return m.saros(h, b) }
		j.html = func(w io.Writer, r checker.Report) error { return checker.WriteHTML(w, h, r) }
		return j, nil
	}
	l, err := histories.Read(in)
	if err == nil {
		err = l.Only(m.verbs...)
	}
	if err != nil {
		return j, err
	}
	for i := range l.Calls {
		tally(&j.counts, l.Calls[i].Outcome)
	}
	j.check = func(b checker.Budget) checker.Report {
		r := m.log(l, b)
		r.Text = l.Say(r.Text)
		return r
	}
	j.html = func(w io.Writer, r checker.Report) error { return m.html(w, l, r) }
	return j, nil
}

// loadTransactions reads saros/transactions/v1, or lists from EDN.
func loadTransactions(in io.Reader, format, model string, level txn.Level) (j judge, err error) {
	var h *txn.History
	say := func(text string) string { return text }
	switch format {
	case "saros":
		h, err = txn.ReadHistory(in)
	case "jepsen":
		var t *histories.Transactions
		if t, err = histories.ReadTransactions(in); err == nil {
			h, say = &t.History, t.Say
		}
	default:
		err = fmt.Errorf("there are no transactions in format %s", format)
	}
	if err == nil {
		err = onlyKinds(h, model)
	}
	if err != nil {
		return j, err
	}
	for i := range h.Transactions {
		tally(&j.counts, h.Transactions[i].Outcome)
	}
	j.holds = level.String()
	var coverage txn.Coverage
	j.covers = func() []covered {
		return []covered{{"touched two keys or more", coverage.MultiKey}, {"overwrote what another had read (rw)", coverage.AntiDependencies}}
	}
	j.check = func(checker.Budget) checker.Report {
		r, err := txn.Check(h, level)
		coverage = r.Coverage
		if err != nil { // it was read, so it is valid
			panic(err)
		}
		class := ""
		if r.Verdict == checker.Invalid {
			class = level.String() + "/" + r.Anomaly
		}
		return checker.Report{Verdict: r.Verdict, Reason: r.Reason, Class: class, Op: -1, Core: r.Core, Text: say(r.Text)}
	}
	return j, nil
}

// onlyKinds returns an error that names the first operation that is none of the model.
func onlyKinds(h *txn.History, model string) error {
	for i := range h.Transactions {
		for _, op := range h.Transactions[i].Operations {
			if list := op.Kind == txn.Append || op.Kind == txn.ReadList; model == listAppend && !list || model == registers && list {
				return fmt.Errorf("transaction %d has an operation %s, which the model %s has not", i, op.Kind, model)
			}
		}
	}
	return nil
}

// levelNames lists the isolation levels, weakest first.
func levelNames() (names []string) {
	for l := txn.ReadCommitted; l <= txn.StrictSerializable; l++ {
		names = append(names, l.String())
	}
	return names
}

func tally(counts *scenarios.Counts, o checker.Outcome) {
	switch o {
	case checker.Ok:
		counts.OK++
	case checker.Fail:
		counts.Fail++
	default:
		counts.Info++
	}
}
