// Command genkit runs a flow.
package main

import (
	"context"

	"github.com/firebase/genkit/go/core"
	"github.com/firebase/genkit/go/genkit"
)

func main() {
	g := genkit.Init(context.Background())
	work(context.Background(), genkit.DefineFlow(g, "greet", func(_ context.Context, name string) (string, error) {
		return "hello " + name, nil
	}))
}

//orchestrall:trace
func work(ctx context.Context, flow *core.Flow[string, string, struct{}]) {
	if answer, err := flow.Run(ctx, "my secret"); err != nil || answer != "hello my secret" {
		panic(err)
	}
}
