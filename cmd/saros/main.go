// Command saros hunts for failures of distributed systems in a deterministic
// simulation, and brings each of them back from its seed.
//
// The command is the one room with flags, files, wall time and goroutines. Results go
// to stdout, progress to stderr: the same seed and the same binary print the same
// bytes. Each command is a file; search.go shares seeds among workers.
package main

import "os"

func main() { os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
