package orchestrall_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// stable is a logger whose lines are the same every time: no time stamp, and
// durations and stacks cut out. A program has no need for it.
func stable() (restore func()) {
	before := slog.Default()
	slog.SetDefault(slog.New(orchestrall.NewHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "duration", "stack":
				return slog.Attr{}
			case slog.MessageKey:
				return slog.String(a.Key, regexp.MustCompile(`took .*`).ReplaceAllString(a.Value.String(), "took …"))
			}
			return a
		},
	}))))
	return func() { slog.SetDefault(before) }
}

func ExampleTracer() {
	ctx, span := orchestrall.Tracer("example.com/shop").Start(context.Background(), "reserve stock")
	defer span.End()
	span.SetAttributes(attribute.Int("items", 3))
	_ = ctx // hand it on: spans that start with it are below this one
	// Output:
}

func ExampleMeter() {
	orders, err := orchestrall.Meter("example.com/shop").Int64Counter("orders.placed")
	if err != nil {
		panic(err) // the name is not valid
	}
	orders.Add(context.Background(), 1, metric.WithAttributes(attribute.String("country", "nl")))
	// Output:
}

func ExampleNewLogger() {
	defer stable()()
	log := orchestrall.NewLogger("billing")
	ctx := orchestrall.WithFields(context.Background(), orchestrall.UserIDKey, "user_123")
	log.InfoContext(ctx, "invoice sent", "invoice", 7)
	// Output:
	// level=INFO msg="invoice sent" service=billing invoice=7 userId=user_123
}

func ExampleErr() {
	defer stable()()
	_, err := os.Open("/no/such/file")
	orchestrall.NewLogger("billing").Error("no invoice", orchestrall.Err(fmt.Errorf("invoice 7: %w", err)))
	// Output:
	// level=ERROR msg="no invoice" service=billing error.name=*fs.PathError error.message="invoice 7: open /no/such/file: no such file or directory" error.causes="[*fs.PathError: open /no/such/file: no such file or directory syscall.Errno: no such file or directory]"
}

func ExampleTrace() {
	defer stable()()
	answer, err := orchestrall.Trace(context.Background(), "Ask", func(context.Context) (string, error) {
		return "", errors.New("the model is not available")
	}, orchestrall.WithKind(orchestrall.LLM), orchestrall.WithAttribute("model", "small"))
	fmt.Printf("%q, %v\n", answer, err)
	// Output:
	// level=ERROR msg="Ask failed" metadata.operation=Ask metadata.kind=llm metadata.status=failed metadata.model=small error.name=*errors.errorString error.message="the model is not available"
	// "", the model is not available
}

func ExampleStartTimer() {
	defer stable()()
	stop := orchestrall.StartTimer(context.Background(), "load rules")
	elapsed := stop()
	fmt.Println(elapsed > 0)
	// Output:
	// level=INFO msg="load rules took …" metadata.timer="load rules"
	// true
}

func ExampleRecordMetric() {
	ctx := context.Background()
	orchestrall.RecordMetric(ctx, "prompt_size_bytes", 2048, orchestrall.Labels{"model": "small"})
	// Output:
}

func ExampleWithFields() {
	defer stable()()
	ctx := orchestrall.WithFields(context.Background(),
		orchestrall.UserIDKey, "user_123", orchestrall.ExecutionIDKey, "exec_9", slog.String("apiToken", "abc"))
	slog.InfoContext(ctx, "started")
	// Output:
	// level=INFO msg=started userId=user_123 executionId=exec_9 apiToken=[redacted]
}

func ExampleGo() {
	defer stable()()
	request, cancel := context.WithCancel(orchestrall.WithFields(context.Background(), orchestrall.RequestIDKey, "r1"))
	done := make(chan struct{})
	orchestrall.Go(request, func(ctx context.Context) {
		defer close(done)
		slog.InfoContext(ctx, "mail sent", "err", ctx.Err())
	})
	cancel() // the request is over; the mail is sent all the same
	<-done
	// Output:
	// level=INFO msg="mail sent" err=<nil> requestId=r1
}
