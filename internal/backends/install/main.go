// Command install brings the monitoring programs that the integration test
// runs: `make backends`; with -kubernetes those of a Kubernetes API server:
// `make kubernetes`. With -check it only says whether they are there.
package main

import (
	"context"
	"flag"
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
	check := flag.Bool("check", false, "only say what is missing, and end with 1 if anything is")
	kubernetes := flag.Bool("kubernetes", false, "the programs of a Kubernetes API server instead")
	flag.Parse()
	parts := backends.Parts()
	if *kubernetes {
		parts = backends.Cluster()
	}
	dir, err := backends.Dir()
	if *check && err == nil {
		_, missing := backends.Locate(dir, parts)
		for _, name := range missing {
			fmt.Println(name)
		}
		return min(1, len(missing))
	}
	if err == nil {
		err = backends.Install(ctx, dir, parts, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs, _ := backends.Locate(dir, parts)
	for _, p := range parts {
		for _, name := range p.Programs {
			fmt.Println(programs[name])
		}
	}
	return 0
}
