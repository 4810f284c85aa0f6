// Command install brings the monitoring programs that the integration test
// runs: `make backends`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/orchestrall/orchestrall/internal/backends"
)

func main() { os.Exit(install()) }

func install() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := backends.Dir()
	if err == nil {
		err = backends.Install(ctx, dir, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs, _ := backends.Locate(dir)
	for _, p := range backends.Parts() {
		for _, name := range p.Programs {
			fmt.Println(programs[name])
		}
	}
	return 0
}
