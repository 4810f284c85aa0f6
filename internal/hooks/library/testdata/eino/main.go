// Command eino runs a chain.
package main

import (
	"context"
	"fmt"

	"github.com/cloudwego/eino/compose"
)

func main() {
	c := compose.NewChain[string, string]()
	c.AppendLambda(compose.InvokableLambda(func(_ context.Context, in string) (string, error) { return "hello " + in, nil }))
	r, err := c.Compile(context.Background(), compose.WithGraphName("greeting"))
	if err != nil {
		panic(err)
	}
	work(context.Background(), r)
}

//orchestrall:trace
func work(ctx context.Context, r compose.Runnable[string, string]) {
	out, err := r.Invoke(ctx, "you")
	fmt.Println(out, err)
}
