package bootstrap

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/otel"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// handlers are programs by how they deal with a signal. Each prints ready when
// a span has ended that the back end does not have yet.
var handlers = map[string]func(){
	"none": func() {
		ready()
		select {}
	},
	"own": func() {
		c := make(chan os.Signal, 4)
		signal.Notify(c, syscall.SIGTERM, os.Interrupt)
		ready()
		fmt.Println("got", <-c)
		_, span := otel.Tracer("test").Start(context.Background(), "clean up")
		span.End()
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test has seen all there is to see
		fmt.Println(len(c), "more")
	},
	"earlier": nil, // like own, but before telemetry starts; see program
	"context": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		ready()
		<-ctx.Done()
		stop()
		fmt.Println("stopping")
		select {} // the next one kills
	},
	"graceful": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		ready()
		<-ctx.Done()
		stop() // before it takes its time
		_, span := otel.Tracer("test").Start(context.Background(), "clean up")
		span.End()
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Println("cleaned up")
	},
	"at once": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		ready()
		<-ctx.Done()
		stop()
	},
	"exit": func() {
		c := make(chan os.Signal, 4)
		signal.Notify(c, syscall.SIGTERM)
		ready()
		<-c
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	},
	"ignore": func() {
		signal.Ignore(syscall.SIGTERM)
		ready()
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Println("still here")
	},
	"panic": func() {
		var o orchestrall.Operation
		o.Register(orchestrall.Spec{Name: "Crash.Run"})
		ready()
		go func() {
			_, call := o.Start(context.Background())
			defer call.End()
			panic("over")
		}()
		select {}
	},
	"fatal": func() {
		ready()
		log.Fatal("over")
	},
}

func ready() {
	_, span := otel.Tracer("test").Start(context.Background(), "work")
	span.End()
	fmt.Println("ready")
}
