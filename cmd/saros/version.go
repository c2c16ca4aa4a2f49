package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/spf13/cobra"
)

// version tells this program from any other: the version of the module, and the
// beginning of the hash of the executable.
var version = sync.OnceValue(func() string {
	v := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = strings.Trim(info.Main.Version, "()")
	}
	if file, err := os.Executable(); err == nil {
		if f, err := os.Open(file); err == nil {
			defer f.Close()
			h := sha256.New()
			if _, err := io.Copy(h, f); err == nil {
				return v + "-" + hex.EncodeToString(h.Sum(nil)[:6])
			}
		}
	}
	return v + unhashed
})

// unhashed ends the version of a program that cannot read its own file: it may be
// any program.
const unhashed = "-unhashed"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Print the version of this program: that of the module, and the beginning of the executable's hash.",
		Example: "  saros version",
		Args:    arguments(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.version() },
	}
}

func (a *app) version() error {
	if a.json {
		a.emit(struct {
			Schema  string `json:"schema"`
			Version string `json:"version"`
			Go      string `json:"go"`
			OS      string `json:"os"`
			Arch    string `json:"arch"`
		}{"saros/version/v1", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH})
		return nil
	}
	a.print("saros %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
