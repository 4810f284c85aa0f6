package orchestrall_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestTrace(t *testing.T) {
	recorder := spans(t)
	logs(t, slog.LevelInfo, true)
	want := errors.New("no stock")
	got, err := orchestrall.Trace(t.Context(), "Own.Trace", func(ctx context.Context) (int, error) {
		if !trace.SpanContextFromContext(ctx).IsSampled() {
			t.Error("the function does not run below the span")
		}
		return 7, want
	}, orchestrall.WithKind(orchestrall.Tool), orchestrall.WithAttribute("order", 12),
		orchestrall.WithLabel("country", "nl"), orchestrall.WithAttribute("db.password", "hunter2"))
	if got != 7 || err != want {
		t.Errorf("results %v, %v are not the function's", got, err)
	}
	s := only(t, recorder)
	if s.Name() != "Own.Trace" || s.Status().Code != codes.Error || attr(s, "order") != "12" ||
		attr(s, "orchestrall.kind") != "tool" || attr(s, "db.password") != "[redacted]" {
		t.Errorf("span %s %v %v", s.Name(), s.Status(), s.Attributes())
	}
	if n := count(t, "tool_execution_duration_seconds", "operation=Own.Trace", "status=failed", "country=nl"); n != 1 {
		t.Errorf("%d observations, want 1", n)
	}
}

func TestTraceLetsPanicsPass(t *testing.T) {
	defer func() {
		if r := recover(); r != "boom" {
			t.Errorf("the caller recovered %v", r)
		}
	}()
	_, _ = orchestrall.Trace(t.Context(), "Own.Panics", func(context.Context) (int, error) { panic("boom") })
}

func TestTraceTellsOptionsApart(t *testing.T) {
	call := func(options ...orchestrall.Option) {
		_, _ = orchestrall.Trace(t.Context(), "Own.Options", func(context.Context) (int, error) { return 0, nil }, options...)
	}
	call(orchestrall.WithLabel("a", 1))
	call(orchestrall.WithLabel("a", 2))
	call(orchestrall.WithLabel("b", 1))
	n := 0
	for _, s := range orchestrall.Operations() {
		if s.Name == "Own.Options" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d operations, want one for each set of keys", n)
	}
	if n := count(t, "operation_duration_seconds", "operation=Own.Options", "b=1"); n != 1 {
		t.Errorf("%d observations with b=1", n)
	}
}

func TestNamesWithoutEnd(t *testing.T) {
	if os.Getenv("OWN_TEST_PROGRAM") != "names" {
		child(t, "names", true)
		return
	}
	recorder := spans(t)
	for i := range 1500 {
		_, _ = orchestrall.Trace(t.Context(), fmt.Sprintf("order %d", i), func(context.Context) (int, error) { return 0, nil })
	}
	last := recorder.Ended()[1499]
	if last.Name() != "order 1499" {
		t.Errorf("the span of a surplus operation is named %q", last.Name())
	}
	if n := count(t, "operation_duration_seconds", "operation=other"); n != 500 {
		t.Errorf("%d calls counted as other, want 500", n)
	}
	for i := range 1500 {
		orchestrall.RecordMetric(t.Context(), fmt.Sprintf("own_metric_%d", i), 1, nil)
	}
	if n := count(t, "orchestrall_recordings_dropped_total", "reason=too_many"); n != 500 {
		t.Errorf("%d recordings dropped, want 500", n)
	}
}

// child runs the calling test again in a process of its own.
func child(t *testing.T, program string, succeeds bool) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "OWN_TEST_PROGRAM="+program)
	out, err := cmd.CombinedOutput()
	if (err == nil) != succeeds {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestWithFields(t *testing.T) {
	recorder := spans(t)
	j := logs(t, slog.LevelInfo, true)
	ctx := orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u1", orchestrall.AgentIDKey, 5)
	ctx = orchestrall.WithFields(ctx, orchestrall.UserIDKey, "u2", slog.Bool("trial", true))
	o := operation(orchestrall.Spec{Name: "Own.Fields"})
	func() {
		ctx, call := o.Start(ctx)
		defer call.End()
		slog.InfoContext(ctx, "in it")
		_, span := orchestrall.Tracer("own").Start(ctx, "by hand")
		span.End()
	}()
	for _, s := range recorder.Ended() {
		if attr(s, "userId") != "u2" || attr(s, "agentId") != "5" || attr(s, "trial") != "true" {
			t.Errorf("%s has %v", s.Name(), s.Attributes())
		}
	}
	if line := j.lines(t)[0]; line["userId"] != "u2" || line["agentId"] != 5.0 || line["trial"] != true {
		t.Errorf("line %v", line)
	}
	if orchestrall.WithFields(ctx) != ctx || orchestrall.WithFields(nil, "a", 1) == nil { //nolint:staticcheck // a nil context is the point
		t.Error("no fields must change nothing, and a nil context must do")
	}
}

func TestStartTimer(t *testing.T) {
	j := logs(t, slog.LevelInfo, false)
	stop := orchestrall.StartTimer(orchestrall.WithFields(below(true), orchestrall.UserIDKey, "u"), "load")
	elapsed := stop()
	if again := stop(); elapsed <= 0 || again != elapsed {
		t.Errorf("durations %v and %v", elapsed, again)
	}
	lines := j.lines(t)
	about, _ := lines[0]["metadata"].(map[string]any)
	if len(lines) != 1 || about["timer"] != "load" || lines[0]["userId"] != "u" || lines[0]["traceId"] == nil || about["duration"] == nil {
		t.Errorf("lines %v, want one with the timer, the duration and the trace", lines)
	}
}

func TestRecordMetric(t *testing.T) {
	orchestrall.RecordMetric(below(true), "own_size_bytes", 3000, orchestrall.Labels{"model": "a", "authToken": "x", "status": "new"})
	orchestrall.RecordMetric(nil, "own_size_bytes", 1, nil) //nolint:staticcheck // a nil context is the point
	orchestrall.RecordMetric(t.Context(), "own_size_bytes", math.NaN(), nil)
	if n := count(t, "own_size_bytes", "model=a", "authToken=[redacted]", "status=new"); n != 1 {
		t.Errorf("%d observations with labels, want 1: %v", n, gather(t, "own_size_bytes"))
	}
	if n := count(t, "orchestrall_recordings_dropped_total", "reason=not_finite"); n != 1 {
		t.Errorf("%d values dropped, want 1", n)
	}
	exemplars := 0
	for _, m := range gather(t, "own_size_bytes") {
		for _, b := range m.GetHistogram().GetBucket() {
			if e := b.GetExemplar(); e != nil && strings.HasPrefix(e.GetLabel()[0].GetValue(), "ab00") {
				exemplars++
			}
		}
	}
	if exemplars != 1 {
		t.Errorf("%d exemplars with the trace id, want 1", exemplars)
	}
	for i := range 150 {
		orchestrall.RecordMetric(t.Context(), "own_many", 1, orchestrall.Labels{"id": fmt.Sprint(i)})
	}
	if n := count(t, "own_many", "id=other"); n != 50 {
		t.Errorf("%d values went to other, want 50", n)
	}
	// A family of operations keeps its help text whoever uses its name.
	orchestrall.RecordMetric(t.Context(), "operation_duration_seconds", 1, orchestrall.Labels{"own": "1"})
	gather(t, "operation_duration_seconds")
}

func TestGo(t *testing.T) {
	recorder := spans(t)
	ctx, parent := orchestrall.Tracer("own").Start(t.Context(), "request")
	ctx, cancel := context.WithCancel(orchestrall.WithFields(ctx, orchestrall.UserIDKey, "u"))
	cancel()
	left := make(chan error, 1)
	orchestrall.Go(ctx, func(ctx context.Context) { left <- ctx.Err() }, orchestrall.WithAttribute("a", 1))
	if err := <-left; err != nil {
		t.Errorf("the work sees %v", err)
	}
	parent.End()
	for len(recorder.Ended()) < 2 { // the span ends after the function returns
		runtime.Gosched()
	}
	work := recorder.Ended()[0]
	if work.Name() == "request" {
		work = recorder.Ended()[1]
	}
	if work.Name() != "runtime_test.TestGo.func1" || work.Parent().IsValid() || attr(work, "userId") != "u" || attr(work, "a") != "1" ||
		len(work.Links()) != 1 || work.Links()[0].SpanContext.TraceID() != parent.SpanContext().TraceID() {
		t.Errorf("span %s, parent %v, links %v, attributes %v", work.Name(), work.Parent(), work.Links(), work.Attributes())
	}
}

func TestPanicUnderGoEndsTheProgram(t *testing.T) {
	if os.Getenv("OWN_TEST_PROGRAM") == "crash" {
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
		orchestrall.SetFlush(func() { fmt.Fprintln(os.Stderr, "flushed") })
		orchestrall.Go(t.Context(), func(context.Context) { panic("boom") })
		select {}
	}
	out := child(t, "crash", false)
	for _, want := range []string{`"error":{"name":"string","message":"boom","stack":`, "flushed\n", "panic: boom"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

func TestNewLoggerFollowsTheDefault(t *testing.T) {
	log := orchestrall.NewLogger("billing").With("a", 1).WithGroup("g")
	j := logs(t, slog.LevelInfo, false)
	log.InfoContext(orchestrall.WithFields(below(true), orchestrall.UserIDKey, "u"), "hello", "b", 2)
	log.Debug("not wanted")
	line := j.lines(t)
	if len(line) != 1 || line[0]["service"] != "billing" || line[0]["a"] != 1.0 || line[0]["userId"] != "u" || line[0]["traceId"] == nil {
		t.Fatalf("lines %v", line)
	}
	if g, _ := line[0]["g"].(map[string]any); g["b"] != 2.0 {
		t.Errorf("group %v", line[0]["g"])
	}
	other := logs(t, slog.LevelDebug, true)
	log.Debug("elsewhere")
	if len(other.lines(t)) != 1 || len(j.lines(t)) != 1 {
		t.Error("the logger did not follow slog.SetDefault")
	}
}

func TestNewLoggerAsTheDefault(t *testing.T) {
	j := logs(t, slog.LevelInfo, true)
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	log := orchestrall.NewLogger("billing")
	slog.SetDefault(log)
	slog.Info("one")
	log.Info("two")
	slog.SetDefault(slog.New(orchestrall.NewHandler(orchestrall.NewLogger("nested").Handler())))
	slog.Info("three")
	var said []string
	for _, l := range j.lines(t) {
		said = append(said, fmt.Sprint(l["service"], " ", l["msg"]))
	}
	if got := strings.Join(said, ", "); got != "billing one, billing two, nested three" {
		t.Errorf("got %s", got)
	}
}

// Package log writes to whatever is slog's default; slog's own first default
// writes to package log.
func TestNewLoggerAsTheFirstDefault(t *testing.T) {
	if os.Getenv("OWN_TEST_PROGRAM") == "first" {
		slog.SetDefault(orchestrall.NewLogger("billing"))
		slog.Info("one")
		return
	}
	if out := child(t, "first", true); !strings.Contains(out, `"msg":"one","service":"billing"`) {
		t.Errorf("got %s", out)
	}
}

func TestErr(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", orchestrall.Err(nil), orchestrall.Err(errors.New("no")))
	if got := b.String(); !strings.HasSuffix(got, "msg=x error.name=*errors.errorString error.message=no\n") {
		t.Errorf("got %s", got)
	}
}
