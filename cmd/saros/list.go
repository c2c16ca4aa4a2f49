package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
)

// item is a line of a list.
type item struct {
	Schema    string        `json:"schema"`
	List      string        `json:"list"`
	Name      string        `json:"name"`
	Doc       string        `json:"doc"`
	Row       string        `json:"row,omitempty"`       // mutants
	SeenBy    []string      `json:"seen_by,omitempty"`   // mutants
	Scenarios []string      `json:"scenarios,omitempty"` // checks, situations
	Params    []paramResult `json:"params,omitempty"`    // scenarios
	Fault     *faultResult  `json:"fault,omitempty"`     // faults: how it is drawn
}

type faultResult struct {
	Unit    string `json:"unit"` // of the amount; "": there is none
	Amount  string `json:"amount"`
	Lasts   string `json:"lasts"`
	Percent int64  `json:"percent_of_seeds"`
	Source  string `json:"source"`
	Struck  string `json:"struck"` // how often, in 500 seeds
	Test    string `json:"test"`   // that shows that it strikes and heals
}

type paramResult struct {
	Name    string `json:"name"`
	Doc     string `json:"doc"`
	Default int64  `json:"default"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
}

var lists = []string{"scenarios", "faults", "mutants", "checks", "situations"}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list scenarios|faults|mutants|checks|situations",
		Short: "List what there is: scenarios, faults, mutants, checks, situations",
		Long:  "List the scenarios with their parameters, the kinds of faults, the mutants, the checks, or the\nsituations that a hunt is expected to reach.",
		Example: `  saros list scenarios
  saros list mutants --json`,
		ValidArgs: lists,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && indexOf(lists, args[0]) >= 0 {
				return nil
			}
			return fmt.Errorf("list what? one of: %s", strings.Join(lists, ", "))
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a.list(args[0], itemsOf(args[0]))
			return nil
		},
	}
}

func itemsOf(list string) []item {
	var items []item
	add := func(i item) *item {
		i.Schema, i.List = "saros/list/v1", list
		items = append(items, i)
		return &items[len(items)-1]
	}
	shared := func(s *scenarios.Scenario, name, doc string) {
		for i := range items {
			if items[i].Name == name && items[i].Doc == doc {
				items[i].Scenarios = append(items[i].Scenarios, s.Name)
				return
			}
		}
		add(item{Name: name, Doc: doc, Scenarios: []string{s.Name}})
	}
	switch list {
	case "scenarios":
		for _, s := range scenarios.All() {
			i := add(item{Name: s.Name, Doc: s.Doc})
			for _, p := range s.Params {
				i.Params = append(i.Params, paramResult(p))
			}
		}
	case "faults":
		for _, f := range faults.All {
			lasts, amount, percent := f.Ranges()
			add(item{Name: string(f.Kind), Doc: f.Doc, Fault: &faultResult{f.Amount, amount, lasts, percent, f.Source,
				scenarios.Struck(f.Kind), fmt.Sprintf("go test ./faults -run '^TestKind$/^%s$'", f.Kind)}})
		}
	case "mutants":
		for _, m := range scenarios.Mutants() {
			add(item{Name: m.Name, Doc: m.Doc, Row: m.Row, SeenBy: m.SeenBy})
		}
	case "checks":
		for _, s := range scenarios.All() {
			for _, c := range s.Checks {
				shared(s, c.Name, c.Doc)
			}
		}
	case "situations":
		for _, s := range scenarios.All() {
			for _, c := range s.Situations {
				shared(s, c.Name, c.Doc)
			}
		}
	}
	return items
}

func (a *app) list(list string, items []item) {
	width := 0
	for _, i := range items {
		width = max(width, len(i.Name))
	}
	for _, i := range items {
		if a.json {
			a.emit(i)
			continue
		}
		a.print("%-*s  %s\n", width, i.Name, i.Doc)
		if i.Row != "" {
			a.print("%-*s  %s; seen by %s\n", width, "", i.Row, strings.Join(i.SeenBy, ", "))
		}
		if f := i.Fault; f != nil {
			amount := ""
			if f.Unit != "" {
				amount = fmt.Sprintf("; %s (%s)", f.Amount, f.Unit)
			}
			a.print("%-*s  in %d %% of the seeds, for %s%s; %s\n", width, "", f.Percent, f.Lasts, amount, f.Source)
			a.print("%-*s  struck in 500 seeds of kv: %s; strikes and heals: %s\n", width, "", f.Struck, f.Test)
		}
		for _, p := range i.Params {
			a.print("%-*s    --set %s=%d  %s (%d to %d)\n", width, "", p.Name, p.Default, p.Doc, p.Min, p.Max)
		}
	}
}
