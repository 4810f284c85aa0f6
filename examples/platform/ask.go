package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/platform/client"
	"example.com/platform/events"
)

// ask puts one question to a platform, with the client SDK. Without -url it is
// one that runs for as long as the question takes.
func ask(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("platform ask", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", "", "`address` of the platform; PLATFORM_API_KEY holds its key")
	over := flags.String("over", "rest", "`way` to ask: rest, mcp, or events for REST with the events of the execution")
	var q client.Question
	flags.StringVar(&q.AgentType, "agent", "crm", "`agent` to ask: crm or onboarding")
	flags.StringVar(&q.UserID, "user", "", "`id` of the user who asks")
	flags.StringVar(&q.RequestID, "request", "", "`id` of the request")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	q.Input = strings.Join(flags.Args(), " ")
	way, ok := ways[*over]
	if !ok || q.Input == "" {
		return errors.New("say what to ask, over rest, mcp or events: platform ask -over mcp Tell me about cus_acme")
	}
	if *url != "" {
		return way(ctx, client.New(*url, os.Getenv("PLATFORM_API_KEY")), q, stdout)
	}
	key := cmp.Or(os.Getenv("PLATFORM_API_KEY"), rand.Text())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- host(ctx, "127.0.0.1:0", ":memory:", key, func(url string) { ready <- url }) }()
	select {
	case err := <-ended:
		return err
	case url := <-ready:
		err := way(ctx, client.New(url, key), q, stdout)
		stop()
		return errors.Join(err, <-ended)
	}
}

var ways = map[string]func(context.Context, *client.Client, client.Question, io.Writer) error{
	"rest":   overREST,
	"mcp":    overMCP,
	"events": overEvents,
}

func overREST(ctx context.Context, c *client.Client, q client.Question, out io.Writer) error {
	a, err := c.Execute(ctx, q)
	return say(out, a, err)
}

func overMCP(ctx context.Context, c *client.Client, q client.Question, out io.Writer) (err error) {
	s, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a, err := s.Run(ctx, q)
	return say(out, a, err)
}

func overEvents(ctx context.Context, c *client.Client, q client.Question, out io.Writer) error {
	a, err := c.Follow(ctx, q, func(e events.Event) { fmt.Fprintln(out, strings.TrimSpace(e.Type+" "+e.Step)) })
	return say(out, a, err)
}

func say(out io.Writer, a *client.Answer, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintln(out, a.Output)
	return nil
}
