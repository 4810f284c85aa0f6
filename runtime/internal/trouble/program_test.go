package trouble

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/bootstrap"
)

// programKey makes the test's binary the program that is in trouble.
const programKey = "TROUBLE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programKey) == "" {
		os.Exit(m.Run())
	}
	program()
}

// program obeys one command a line and answers each with one line. What it does
// is what an instrumented service does, written as generated code writes it.
func program() {
	before := goleak.IgnoreCurrent()
	stop := bootstrap.Start(bootstrap.Options{Service: "example.com/trouble"})
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		verb, rest, _ := strings.Cut(in.Text(), " ")
		var n int
		_, _ = fmt.Sscan(rest, &n)
		switch verb {
		case "calls": // n requests, one after the other
			fmt.Printf("results %d\n", serve(n))
		case "goroutines": // n requests at once
			fmt.Printf("results %d\n", together(n))
		case "texts": // spans of a library with what no protocol takes
			texts()
			fmt.Println("done")
		case "counters":
			fmt.Println(counters())
		case "stop":
			stop()
			fmt.Println("stopped")
		case "leaks":
			// Go goes on asking for a name after nobody wants to know any more.
			fmt.Printf("%q\n", fmt.Sprint(goleak.Find(before,
				goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr"), goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func1"),
				goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"),
				goleak.IgnoreAnyFunction("net.(*Resolver).goLookupIPCNAMEOrder.func3.1"))))
		}
	}
}

var (
	request, step orchestrall.Operation
	errOdd        = errors.New("odd")
)

func init() {
	request.Register(orchestrall.Spec{Name: "Trouble.Request", Kind: orchestrall.Agent, Slow: 1 << 30, Hang: 1 << 40, Fields: []orchestrall.Field{
		{Role: orchestrall.Carried, Key: "userId"},
		{Role: orchestrall.Attribute, Key: "n"},
	}})
	step.Register(orchestrall.Spec{Name: "Trouble.Step", Fields: []orchestrall.Field{{Role: orchestrall.Label, Key: "stage"}}})
}

// serve adds up what the requests return; an error counts as a thousandth part
// of nothing, so that a lost result or error shows.
func serve(n int) (sum int) {
	for i := range n {
		v, err := handle(context.Background(), i)
		if (err != nil) != (i%7 == 3) || err != nil && err != errOdd {
			return -1
		}
		sum += v
	}
	return sum
}

func together(n int) (sum int) {
	var wg sync.WaitGroup
	results, begin := make([]int, n), make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			results[i], _ = handle(context.Background(), i)
		})
	}
	close(begin)
	wg.Wait()
	for _, v := range results {
		sum += v
	}
	return sum
}

func handle(ctx context.Context, i int) (sum int, err error) {
	ctx, call := request.Start(ctx, func(f int) orchestrall.Value {
		if f == 0 {
			return orchestrall.Of(fmt.Sprint("user", i))
		}
		return orchestrall.Of(i)
	})
	defer call.EndErr(&err)
	for j := range 3 {
		sum += part(ctx, i, j)
	}
	if i%7 == 3 {
		err = errOdd
	}
	return sum, err
}

func part(ctx context.Context, i, j int) int {
	_, call := step.Start(ctx, func(int) orchestrall.Value { return orchestrall.Of([]string{"crm", "erp", "mail"}[j]) })
	defer call.End()
	return i * (j + 1)
}

// expected is what n requests add up to.
func expected(n int) int { return 6 * n * (n - 1) / 2 }

const heavySpans = 10

// texts makes spans as a library would whose author did not think of everything.
func texts() {
	huge, broken := strings.Repeat("x", 1<<20), "a\xff\xfeb\x00c"
	ctx, span := otel.Tracer("library "+broken).Start(context.Background(), "query "+broken)
	span.SetAttributes(
		attribute.String("huge", huge), attribute.String("broken", broken), attribute.String("key "+broken, "v"),
		attribute.StringSlice("list", []string{broken, huge}), attribute.ByteSlice("bytes", []byte(huge)),
	)
	span.AddEvent("event "+broken, trace.WithAttributes(attribute.String("broken", broken), attribute.String("huge", huge)))
	span.AddLink(trace.LinkFromContext(ctx, attribute.String("broken", broken)))
	span.RecordError(errors.New(broken + huge))
	span.SetStatus(codes.Error, broken+huge)
	ctx, call := request.Start(ctx, func(int) orchestrall.Value { return orchestrall.Of(broken + huge) })
	err := errors.New(broken + huge)
	call.EndErr(&err)
	// More than one request may hold.
	for i := range heavySpans {
		_, heavy := otel.Tracer("library").Start(ctx, "heavy")
		for j := range 60 {
			heavy.SetAttributes(attribute.String(fmt.Sprint("k", i, j), huge))
		}
		heavy.End()
	}
	_, last := otel.Tracer("library").Start(ctx, "last")
	last.End()
	span.End()
}

// counters are the lost spans and lines by reason, "reason=n" with spaces.
func counters() string {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		return "error=" + err.Error()
	}
	var all []string
	for _, f := range families {
		if !strings.HasSuffix(f.GetName(), "_dropped_total") {
			continue
		}
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "," + l.GetValue()
			}
			all = append(all, fmt.Sprintf("%s=%.0f", name, m.GetCounter().GetValue()))
		}
	}
	return strings.Join(all, " ")
}
