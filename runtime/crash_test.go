package orchestrall_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// flushes counts how often the runtime asks for what is queued to be handed over.
func flushes(t *testing.T) *atomic.Int64 {
	n := new(atomic.Int64)
	orchestrall.SetFlush(func() { n.Add(1) })
	t.Cleanup(func() { orchestrall.SetFlush(nil) })
	return n
}

func TestPanicPastTheRootFlushes(t *testing.T) {
	recorder := spans(t)
	n := flushes(t)
	outer := operation(orchestrall.Spec{Name: "Crash.Outer", Log: "off"})
	inner := operation(orchestrall.Spec{Name: "Crash.Inner", Log: "off"})
	run := func(ctx context.Context, caught bool) {
		ctx, call := outer.Start(ctx)
		defer call.End()
		func() {
			if caught {
				defer func() { _ = recover() }()
			}
			_, call := inner.Start(ctx)
			defer call.End()
			panic("no")
		}()
	}
	run(t.Context(), true)
	if n.Load() != 0 {
		t.Errorf("a panic that the program catches below the root flushed %d times", n.Load())
	}
	func() {
		defer func() { _ = recover() }()
		run(t.Context(), false)
	}()
	if n.Load() != 1 {
		t.Errorf("a panic that passes the root flushed %d times, want 1", n.Load())
	}
	if got := len(recorder.Ended()); got != 4 {
		t.Errorf("%d spans, want 4", got)
	}
}

// net/http catches the panics of handlers: the request must not wait for a back end.
func TestPanicOfAHandlerDoesNotFlush(t *testing.T) {
	spans(t)
	n := flushes(t)
	o := operation(orchestrall.Spec{Name: "Crash.Handler", Kind: orchestrall.Server, Log: "off"})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, call := o.Start(r.Context())
		defer call.End()
		panic(http.ErrAbortHandler)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, client := range []*http.Client{server.Client(), {Transport: &http.Transport{
		TLSClientConfig: server.Client().Transport.(*http.Transport).TLSClientConfig,
	}}} {
		if resp, err := client.Get(server.URL); err == nil {
			resp.Body.Close()
			t.Error("the panic was lost")
		}
	}
	if n.Load() != 0 {
		t.Errorf("flushed %d times, want 0", n.Load())
	}
}

// Log lines wait for export also where no span does: the panic's own line is
// one of them.
func TestPanicPastAnUnsampledRootFlushes(t *testing.T) {
	spans(t, sdk.WithSampler(sdk.ParentBased(sdk.NeverSample())))
	n := flushes(t)
	outer, inner := operation(orchestrall.Spec{Name: "Unsampled.Outer", Log: "off"}), operation(orchestrall.Spec{Name: "Unsampled.Inner", Log: "off"})
	run := func(caught bool) {
		defer func() { _ = recover() }()
		ctx, call := outer.Start(t.Context())
		defer call.End()
		func() {
			if caught {
				defer func() { _ = recover() }()
			}
			_, call := inner.Start(ctx)
			defer call.End()
			panic("no")
		}()
	}
	if run(true); n.Load() != 0 {
		t.Errorf("a panic below the root flushed %d times", n.Load())
	}
	if run(false); n.Load() != 1 {
		t.Errorf("a panic that passes the root flushed %d times, want 1", n.Load())
	}
}
