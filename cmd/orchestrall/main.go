// Command orchestrall compiles tracing, metrics and logs into the functions
// that carry an //orchestrall:trace comment.
package main

import (
	"os"

	"github.com/orchestrall/orchestrall/internal/command"
)

func main() { os.Exit(command.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
