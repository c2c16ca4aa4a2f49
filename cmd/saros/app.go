package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/scenarios"
)

// Exit codes.
const (
	exitHeld         = 0
	exitViolated     = 1
	exitUsage        = 2 // usage or bad input, and files that cannot be read or written
	exitFault        = 3 // of the simulator, or a panic in its harness
	exitOtherTrace   = 4 // the same program replayed to another trace
	exitInconclusive = 5
	exitInterrupted  = 130
)

// app is one execution of the command.
type app struct {
	in   io.Reader
	out  *bufio.Writer // the result
	err  io.Writer     // progress, errors
	json bool
	// doing is the run at hand, for the report of a panic.
	doing string
}

// exit ends the command with a code and, if there is one, an error.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// status ends the command with a code and nothing more to say.
func status(code int) error {
	if code == exitHeld {
		return nil
	}
	return &exit{code: code}
}

// bad is an error in what was given to the command.
func bad(err error) error { return &exit{exitUsage, err} }

func badf(format string, args ...any) error { return bad(fmt.Errorf(format, args...)) }

// codeOf is the exit code of a verdict.
func codeOf(v checker.Verdict) int {
	switch v {
	case checker.Valid:
		return exitHeld
	case checker.Invalid:
		return exitViolated
	}
	return exitInconclusive
}

// execute runs the command and returns its exit code.
func execute(args []string, in io.Reader, out, errs io.Writer) (code int) {
	a := &app{in: in, out: bufio.NewWriter(out), err: errs}
	defer func() {
		if r := recover(); r != nil {
			a.out.Flush()
			code = a.panicked(r, debug.Stack())
		}
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(errs)
	cmd, err := root.ExecuteC()
	flushed := a.out.Flush()
	code = a.report(cmd, err)
	if flushed != nil {
		fmt.Fprintf(a.err, "saros: the result cannot be written: %s\n", line(flushed.Error()))
		if code == exitHeld {
			code = exitUsage
		}
	}
	return code
}

// report tells what went wrong, in one line, and returns the exit code.
func (a *app) report(cmd *cobra.Command, err error) int {
	var e *exit
	var twice *scenarios.Nondeterminism
	var crash *harnessPanic
	switch {
	case err == nil:
		return exitHeld
	case errors.As(err, &crash):
		a.doing = crash.run
		return a.panicked(crash.value, crash.stack)
	case errors.As(err, &twice):
		fmt.Fprintf(a.err, "saros: %s: this is a fault of the simulator\n", line(err.Error()))
		return exitFault
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintf(a.err, "saros: %s\n", line(e.err.Error()))
		}
		return e.code
	}
	fmt.Fprintf(a.err, "saros: %s (see `%s --help`)\n", line(err.Error()), cmd.CommandPath())
	return exitUsage
}

// panicked reports a panic that no machine under test is to blame for.
func (a *app) panicked(value any, stack []byte) int {
	fmt.Fprintf(a.err, "saros: panic: %s: this is a bug of Saros", line(fmt.Sprint(value)))
	if a.doing != "" {
		fmt.Fprintf(a.err, ", at %s", a.doing)
	}
	fmt.Fprintf(a.err, "\n\n%s", safe(string(stack)))
	return exitFault
}

// harnessPanic is a panic on a worker's goroutine.
type harnessPanic struct {
	run   string
	value any
	stack []byte
}

func (p *harnessPanic) Error() string { return fmt.Sprintf("panic at %s: %v", p.run, p.value) }

func (a *app) root() *cobra.Command {
	showVersion := false
	root := &cobra.Command{
		Use:   "saros",
		Short: "Hunt for failures of distributed systems, and bring each of them back from its seed",
		Long: `Saros runs distributed systems in a deterministic simulation: one seed is one run, with
its messages, crashes, clocks and disks. What fails once fails again, byte for byte.

Exit codes: 0 all held, 1 a property was violated, 2 usage or bad input, 3 a fault of the
simulator itself, 4 the same program replayed a file to another trace, 5 inconclusive,
130 interrupted.`,
		Example: `  saros hunt kv                    # ten seconds of seeds, all faults, on all cores
  saros hunt kv --mutant raft-vote-twice
  saros replay kv@0x1f             # one seed again
  saros list mutants`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if showVersion {
				return a.version()
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "print the version")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the result as JSON, one object a line")
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		ValidArgsFunction: func(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
			for _, c := range root.Commands() {
				names = append(names, c.Name())
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return fmt.Errorf("%s is one argument too many", quoted(rest[0]))
			}
			return cmd.Help()
		},
	})
	root.AddCommand(a.runCommand(), a.huntCommand(), a.replayCommand(), a.listCommand(), a.mutantsCommand(),
		a.checkCommand(), a.traceCommand(), a.versionCommand())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" { // cobra's own takes any shell for a question
			c.RunE = func(c *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("there is no completion for %s", quoted(args[0]))
				}
				return c.Help()
			}
		}
	}
	return root
}

// saveMemory lets the garbage collector run less often: a worker's arena is small and
// reused. GOGC in the environment wins.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// line makes one line of text that is safe for a terminal.
func line(s string) string { return safe(strings.Join(strings.Fields(s), " ")) }
