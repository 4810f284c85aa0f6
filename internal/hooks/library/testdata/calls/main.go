// Command calls answers a question by tools over MCP, gRPC, WebSockets and SQL,
// each with a server of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// asker is what the program knows of the ways to ask.
type asker interface {
	ask(ctx context.Context, question string) (string, error)
}

func main() {
	if os.Args[1] == "serve" {
		newServer().Run(context.Background(), &mcp.StdioTransport{})
		return
	}
	var all []asker
	for _, connect := range []func(context.Context) (asker, func(), error){
		newDatabase, newPool, newRemote, newOfficial, newLocal, newCommunity, newCoder, newGorilla,
	} {
		a, stop, err := connect(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		defer stop()
		all = append(all, a)
	}
	if err := work(context.Background(), all); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

//orchestrall:trace kind=agent
func work(ctx context.Context, all []asker) error {
	for _, a := range all {
		answer, err := a.ask(ctx, "my secret")
		if err != nil {
			return fmt.Errorf("%T: %w", a, err)
		}
		if !strings.Contains(answer, "secret") {
			return fmt.Errorf("%T answers %q", a, answer)
		}
	}
	return nil
}
