package main

import (
	"github.com/spf13/cobra"
)

func (a *app) traceCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "trace FILE | SCENARIO@SEED",
		Short: "Print the trace of a run, JSON lines",
		Long: `Print the trace of a run: a header, then a line for whatever happens, in order. The
digest of a line covers the whole run up to it. The exit code is 0 whatever the verdict.`,
		Example: `  saros trace kv@0x1f
  saros trace saros-kv-0x1f.json
  saros trace kv@7 | grep '"type":"power_loss"'`,
		Args:              arguments(1, 1, "a failure file or SCENARIO@SEED"),
		ValidArgsFunction: completeFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := t.subject(args[0])
			if err != nil {
				return err
			}
			a.doing = name(s.runner.Scenario, s.options.Seed)
			writeTrace(a.out, s.runner, s.options)
			return nil
		},
	}
	t.flags(cmd)
	return cmd
}
