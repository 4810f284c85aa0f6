package nethttp_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// chosen gives spans the ids that the runtime has chosen, and samples those that
// it rescues or whose trace is taken, as the bootstrap does.
type chosen struct{ taken func(trace.TraceID) bool }

func (chosen) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	if id, span, _ := orchestrall.Rescued(ctx); id.IsValid() {
		return id, span
	}
	if id = orchestrall.RootID(ctx); !id.IsValid() {
		id = trace.TraceID{byte(rand.IntN(255) + 1), 0xff}
	}
	return id, trace.SpanID{1, byte(rand.IntN(256))}
}

func (c chosen) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, span := c.NewIDs(ctx)
	return span
}

func (c chosen) ShouldSample(p sdk.SamplingParameters) (r sdk.SamplingResult) {
	if _, _, rescued := orchestrall.Rescued(p.ParentContext); rescued || c.taken(p.TraceID) {
		r.Decision = sdk.RecordAndSample
	}
	return r
}

func (chosen) Description() string { return "chosen" }

func TestTracesThatBeginHereAreDecidedAboutByTheirIDs(t *testing.T) {
	for _, taken := range []bool{true, false} {
		var drawn trace.TraceID
		asked := 0
		c := chosen{func(id trace.TraceID) bool { return taken && id == drawn }}
		r := spans(t, sdk.WithSampler(c), sdk.WithIDGenerator(c))
		orchestrall.SetRootSampler(func(id trace.TraceID) bool { drawn = id; asked++; return taken })
		orchestrall.SetKeepErrors(true)
		t.Cleanup(func() { orchestrall.SetKeepErrors(false); orchestrall.SetRootsSampled(true) })
		var own trace.SpanContext
		status := http.StatusOK
		h := nethttp.Handler(mux("/", func(w http.ResponseWriter, r *http.Request) {
			own = trace.SpanContextFromContext(r.Context())
			w.WriteHeader(status)
		}))
		for _, status = range []int{http.StatusOK, http.StatusInternalServerError} {
			asked = 0
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			if own.TraceID() != drawn || !own.SpanID().IsValid() || own.IsSampled() != taken || asked != 1 {
				t.Errorf("taken %v: the handler runs in %v, drawn was %v, %d times", taken, own, drawn, asked)
			}
		}
		want := 1 // the one that failed
		if taken {
			want = 2
		}
		ended := r.Ended()
		if len(ended) != want {
			t.Fatalf("taken %v: %d spans, want %d", taken, len(ended), want)
		}
		if last := ended[want-1]; last.SpanContext().TraceID() != own.TraceID() || last.SpanContext().SpanID() != own.SpanID() || last.Parent().IsValid() {
			t.Errorf("taken %v: span %v below %v, want %v and none", taken, last.SpanContext(), last.Parent(), own)
		}
	}
}

// http.TimeoutHandler answers while the handler behind it still runs, which may
// write to what all copies of a request share.
func TestRequestBelongsToAHandlerThatIsLeftBehind(t *testing.T) {
	c := chosen{func(trace.TraceID) bool { return false }}
	r := spans(t, sdk.WithSampler(c), sdk.WithIDGenerator(c))
	orchestrall.SetRootSampler(c.taken)
	orchestrall.SetKeepErrors(true)
	t.Cleanup(func() { orchestrall.SetKeepErrors(false); orchestrall.SetRootsSampled(true) })
	var wg sync.WaitGroup
	h := nethttp.Handler(mux("/", func(w http.ResponseWriter, r *http.Request) {
		started := make(chan bool)
		wg.Go(func() {
			r.URL.Path = "/rewritten"
			close(started)
			r.Header.Set("User-Agent", "rewritten")
		})
		<-started
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	req := httptest.NewRequest("GET", "/came", nil)
	req.Header.Set("User-Agent", "test/1")
	h.ServeHTTP(httptest.NewRecorder(), req)
	wg.Wait()
	wantAttrs(t, ended(t, r, 1)[0], "url.path", "/came", "user_agent.original", "test/1")
}
