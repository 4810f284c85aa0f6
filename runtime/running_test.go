package orchestrall_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// heard passes on every line whose message ends in suffix.
type heard struct {
	slog.Handler
	suffix string
	lines  chan slog.Record
}

func (h heard) Handle(_ context.Context, r slog.Record) error {
	if strings.HasSuffix(r.Message, h.suffix) {
		h.lines <- r.Clone()
	}
	return nil
}

func hearing(t *testing.T, suffix string) chan slog.Record {
	h := heard{slog.NewTextHandler(io.Discard, nil), suffix, make(chan slog.Record, 1000)}
	use(t, h)
	return h.lines
}

func fieldsOf(r slog.Record) map[string]string {
	m := make(map[string]string)
	for a := range r.Attrs {
		m[a.Key] = a.Value.String()
		if a.Value.Kind() == slog.KindGroup {
			for _, below := range a.Value.Group() {
				m[a.Key+"."+below.Key] = below.Value.String()
			}
		}
	}
	return m
}

func gauge(t *testing.T, family, operation string) float64 {
	t.Helper()
	for _, m := range gather(t, family) {
		if has(m, []string{"operation=" + operation}) {
			return m.GetGauge().GetValue()
		}
	}
	return -1
}

// stacksKnown is false where a goroutine cannot tell its number.
const stacksKnown = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// waitForKey is what the stuck goroutine waits in; its name must be in the stack.
func waitForKey(key chan struct{}) { <-key }

func TestHangIsReportedOnce(t *testing.T) {
	recorder := spans(t)
	lines := hearing(t, "is still running")
	o := operation(orchestrall.Spec{Name: "Hang.Once", Kind: orchestrall.Workflow, Hang: 20 * time.Millisecond})
	if gauge(t, "operations_stuck", "Hang.Once") != 0 || gauge(t, "operations_in_flight", "Hang.Once") != 0 {
		t.Error("an operation that never ran must stand at zero")
	}
	key, ended := make(chan struct{}), make(chan struct{})
	ctx := orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u1")
	go func() {
		defer close(ended)
		_, call := o.Start(ctx)
		defer call.End()
		waitForKey(key)
	}()
	line := fieldsOf(<-lines)
	if line["metadata.operation"] != "Hang.Once" || line["userId"] != "u1" || strings.Contains(line["metadata.stack"], "waitForKey") != stacksKnown ||
		strings.Contains(line["metadata.stack"], "TestHangIsReportedOnce(") {
		t.Errorf("line %v, want the operation, the carried field and the stack of that goroutine only", line)
	}
	if n := gauge(t, "operations_stuck", "Hang.Once"); n != 1 {
		t.Errorf("operations_stuck is %v", n)
	}
	calls, total := orchestrall.RunningCalls(10, true)
	if total != 1 || len(calls) != 1 || calls[0].Operation != "Hang.Once" || !calls[0].Stuck ||
		calls[0].TraceID != line[orchestrall.TraceIDKey] || strings.Contains(calls[0].Stack, "waitForKey") != stacksKnown {
		t.Errorf("running: %d %+v", total, calls)
	}
	close(key)
	<-ended
	if n := gauge(t, "operations_stuck", "Hang.Once"); n != 0 {
		t.Errorf("operations_stuck is %v after the end", n)
	}
	if n := gauge(t, "operations_in_flight", "Hang.Once"); n != 0 {
		t.Errorf("operations_in_flight is %v after the end", n)
	}
	if _, total := orchestrall.RunningCalls(10, false); total != 0 {
		t.Errorf("%d calls are listed after the end", total)
	}
	if len(lines) > 0 {
		t.Error("the hang was reported twice")
	}
	partial, whole := recorder.Ended()[0], recorder.Ended()[1]
	if partial.Name() != "Hang.Once (still running)" || partial.Parent().SpanID() != whole.SpanContext().SpanID() ||
		attr(partial, orchestrall.StillRunningKey) != "true" || partial.StartTime().Sub(whole.StartTime()).Abs() > time.Second {
		t.Errorf("the partial span is %s below %v", partial.Name(), partial.Parent())
	}
}

func TestManyHangsAreOneStory(t *testing.T) {
	lines := hearing(t, "still running")
	o := operation(orchestrall.Spec{Name: "Hang.Many", Hang: time.Nanosecond})
	var started, ended sync.WaitGroup
	key := make(chan struct{})
	for range 100 {
		started.Add(1)
		ended.Go(func() {
			call := o.StartRoot()
			defer call.End()
			started.Done()
			<-key
		})
	}
	started.Wait()
	seen, last := 0, slog.Record{}
	for last = range lines {
		if strings.HasPrefix(last.Message, "more calls") {
			break
		}
		seen++
	}
	close(key)
	ended.Wait()
	if seen < 20 || seen > 40 { // the first look may have come before all had started
		t.Errorf("%d lines for a hundred hanging calls", seen)
	}
	if got := fieldsOf(last)["metadata.operations"]; !strings.Contains(got, "Hang.Many=") {
		t.Errorf("the last line says %s", got)
	}
}

func TestCallsWithoutLimitsAreNotListed(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Running.Agent", Kind: orchestrall.Agent})
	small := operation(orchestrall.Spec{Name: "Running.Internal"})
	_, call := o.Start(t.Context())
	_, inner := small.Start(t.Context())
	if n := gauge(t, "operations_in_flight", "Running.Agent"); n != 1 {
		t.Errorf("operations_in_flight is %v", n)
	}
	if n := gauge(t, "operations_in_flight", "Running.Internal"); n != -1 {
		t.Errorf("an internal operation without limits is counted: %v", n)
	}
	if _, total := orchestrall.RunningCalls(10, false); total != 0 {
		t.Errorf("%d calls are listed", total)
	}
	inner.End()
	call.End()
	if n := gauge(t, "operations_in_flight", "Running.Agent"); n != 0 {
		t.Errorf("operations_in_flight is %v after the end", n)
	}
}

func TestOldestCallsComeFirst(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Running.Order", Slow: time.Hour})
	calls := make([]orchestrall.Call, 5)
	for i := range calls {
		calls[i] = o.StartRoot()
	}
	list, total := orchestrall.RunningCalls(2, false)
	if total != 5 || len(list) != 2 || list[0].Age < list[1].Age || list[0].Stack != "" || list[0].Stuck {
		t.Errorf("%d %+v", total, list)
	}
	for i := range calls {
		calls[i].End()
	}
}

func TestPanickingAndAbandonedCallsAreNotListed(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Running.Panic", Slow: time.Hour, Log: "off"})
	func() {
		defer func() { _ = recover() }()
		call := o.StartRoot()
		defer call.End()
		panic("boom")
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call := o.StartRoot()
		defer call.End()
		runtime.Goexit()
	}()
	<-done
	if _, total := orchestrall.RunningCalls(1, false); total != 0 {
		t.Errorf("%d calls are listed", total)
	}
}

func TestStreamIsListedUntilItsEnd(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Running.Stream", Slow: time.Hour})
	source := func() (out <-chan int) {
		_, call := o.Start(context.Background())
		defer func() { orchestrall.EndChan(&call, recover(), &out, nil) }()
		in := make(chan int)
		go func() {
			defer close(in)
			in <- 1
		}()
		return in
	}
	stream := source()
	if list, _ := orchestrall.RunningCalls(1, false); len(list) != 1 || list[0].Operation != "Running.Stream" {
		t.Errorf("%+v", list)
	}
	for range stream {
		continue
	}
	if _, total := orchestrall.RunningCalls(1, false); total != 0 {
		t.Error("the stream is listed after its end")
	}
}

// Entries are used again: the table grows with the calls at one time, not with
// all calls.
func TestWatchedCallsDoNotAllocate(t *testing.T) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	use(t, slog.NewTextHandler(io.Discard, nil))
	o := operation(orchestrall.Spec{Name: "Alloc.Watched", Kind: orchestrall.Agent, Slow: time.Hour, Log: "off"})
	ctx := below(false)
	call := func() {
		_, call := o.Start(ctx)
		defer call.End()
	}
	if n := testing.AllocsPerRun(500, call); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRunningCallsUnderRace(t *testing.T) {
	hearing(t, "nobody says this")
	o := operation(orchestrall.Spec{Name: "Running.Race", Slow: time.Hour, Hang: time.Microsecond})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 300 {
				call := o.StartRoot()
				call.End()
			}
		})
	}
	for range 20 {
		orchestrall.RunningCalls(5, true)
		gather(t, "operations_stuck")
	}
	all.Wait()
	if n := gauge(t, "operations_in_flight", "Running.Race"); n != 0 {
		t.Errorf("%v calls in flight after all have ended", n)
	}
}

type hostileContext struct{ context.Context }

func (hostileContext) Value(any) any { panic("no values today") }

// A table of running calls is used by others, too: nothing that panics in the
// program's own code may leave it locked.
func TestHostileContextsLeaveTheTableUsable(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Running.Hostile", Kind: orchestrall.Agent, Slow: time.Hour, Hang: time.Hour})
	for range 3 {
		_, call := o.Start(hostileContext{t.Context()})
		if list, _ := orchestrall.RunningCalls(10, false); !slices.ContainsFunc(list, func(c orchestrall.RunningCall) bool { return c.Operation == "Running.Hostile" }) {
			t.Error("the call is not listed")
		}
		call.End()
	}
	if list, _ := orchestrall.RunningCalls(10, false); slices.ContainsFunc(list, func(c orchestrall.RunningCall) bool { return c.Operation == "Running.Hostile" }) {
		t.Error("the call is still listed")
	}
}
