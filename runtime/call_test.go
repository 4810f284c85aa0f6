package orchestrall_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestSpanCarriesWhatTheSpecSays(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{
		Name: "Span.Static", Kind: orchestrall.Tool, Function: "pkg.Span.Static", File: "pkg/span.go", Line: 7,
	})
	func() {
		_, call := o.Start(context.Background())
		defer call.End()
	}()
	s := only(t, r)
	if s.Name() != "Span.Static" || s.SpanKind() != trace.SpanKindInternal || s.Status().Code != codes.Unset {
		t.Errorf("span is %s, %v, %v", s.Name(), s.SpanKind(), s.Status())
	}
	for key, want := range map[string]string{
		"code.function.name": "pkg.Span.Static", "code.file.path": "pkg/span.go", "code.line.number": "7",
		"orchestrall.kind": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Span.Static",
	} {
		if got := attr(s, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func TestStaticAttributesInScope(t *testing.T) {
	r := spans(t)
	orchestrall.SetAttributesInScope(true)
	t.Cleanup(func() { orchestrall.SetAttributesInScope(false) })
	o := operation(orchestrall.Spec{Name: "Span.Scoped", Kind: orchestrall.LLM, Function: "pkg.Scoped"})
	func() {
		_, call := o.Start(context.Background())
		defer call.End()
	}()
	s := only(t, r)
	if len(s.Attributes()) != 0 {
		t.Errorf("the span has attributes %v", s.Attributes())
	}
	set := s.InstrumentationScope().Attributes
	if v, _ := set.Value("code.function.name"); v.AsString() != "pkg.Scoped" {
		t.Errorf("the scope has %v", set.ToSlice())
	}
	if s.SpanKind() != trace.SpanKindClient || s.InstrumentationScope().Name != orchestrall.ScopeName {
		t.Errorf("span kind %v, scope %q", s.SpanKind(), s.InstrumentationScope().Name)
	}
}

func TestSpanKinds(t *testing.T) {
	for kind, want := range map[orchestrall.Kind]trace.SpanKind{
		orchestrall.Agent: trace.SpanKindInternal, orchestrall.Server: trace.SpanKindServer,
		orchestrall.Client: trace.SpanKindClient, orchestrall.DB: trace.SpanKindClient,
		orchestrall.LLM: trace.SpanKindClient, "": trace.SpanKindInternal, "unheard": trace.SpanKindInternal,
	} {
		r := spans(t)
		o := operation(orchestrall.Spec{Name: "Kind.Of", Kind: kind})
		func() {
			call := o.StartRoot()
			defer call.End()
		}()
		if got := only(t, r).SpanKind(); got != want {
			t.Errorf("kind %q has span kind %v, want %v", kind, got, want)
		}
	}
}

func TestCallsNest(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Nest.Call"})
	var f func(ctx context.Context, depth int)
	f = func(ctx context.Context, depth int) {
		ctx, call := o.Start(ctx)
		defer call.End()
		if depth > 0 {
			f(ctx, depth-1)
		}
	}
	f(context.Background(), 2)
	ended := r.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	for i := range 2 {
		if ended[i].Parent().SpanID() != ended[i+1].SpanContext().SpanID() {
			t.Errorf("span %d is not below span %d", i, i+1)
		}
	}
}

func TestErrorFailsTheSpan(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Fail.Err"})
	failing := func() (err error) {
		_, call := o.Start(context.Background())
		defer call.EndErr(&err)
		return fmt.Errorf("customer 7: %w", os.ErrNotExist)
	}
	if err := failing(); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the error became %v", err)
	}
	s := only(t, r)
	if s.Status().Code != codes.Error || s.Status().Description != "customer 7: file does not exist" {
		t.Errorf("status is %v", s.Status())
	}
	if len(s.Events()) != 1 || s.Events()[0].Name != "exception" {
		t.Fatalf("events are %v", s.Events())
	}
	kvs := s.Events()[0].Attributes
	if got := eventAttr(kvs, "exception.message"); got != "customer 7: file does not exist" {
		t.Errorf("exception.message is %q", got)
	}
	if got := eventAttr(kvs, "exception.type"); got != "*errors.errorString" {
		t.Errorf("exception.type is %q", got)
	}
	if n := count(t, "operation_duration_seconds", "operation=Fail.Err", "status=failed"); n != 1 {
		t.Errorf("%d failures were counted", n)
	}
	if n := count(t, "operation_duration_seconds", "operation=Fail.Err", "status=success"); n != 0 {
		t.Errorf("%d successes were counted", n)
	}
}

func TestEndFuncLooksForTheError(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Fail.Func"})
	run := func(find func() error) {
		call := o.StartRoot()
		defer call.EndFunc(find)
	}
	run(func() error { return os.ErrClosed })
	run(func() error { return nil })
	run(func() error { panic("result is not what it seems") })
	run(nil)
	for i, want := range []codes.Code{codes.Error, codes.Unset, codes.Unset, codes.Unset} {
		if got := r.Ended()[i].Status().Code; got != want {
			t.Errorf("run %d has status %v, want %v", i, got, want)
		}
	}
}

type rudeError struct{}

func (rudeError) Error() string        { panic("no message") }
func (rudeError) Is(target error) bool { panic("no comparison") }

func TestRudeErrorIsContained(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Fail.Rude", Ignore: []error{os.ErrExist, nil}})
	func() (err error) {
		call := o.StartRoot()
		defer call.EndErr(&err)
		return rudeError{}
	}()
	if s := only(t, r); s.Status().Code != codes.Error || s.Status().Description != "<error>" {
		t.Errorf("status is %v", s.Status())
	}
}

func TestIgnoredPanicIsSuccess(t *testing.T) {
	r := spans(t)
	leave := errors.New("leave")
	o := operation(orchestrall.Spec{Name: "Fail.Leaves", Ignore: []error{leave}})
	func() {
		defer func() {
			if got := recover(); got != leave {
				t.Errorf("recovered %v", got)
			}
		}()
		call := o.StartRoot()
		defer call.End()
		panic(leave)
	}()
	if s := only(t, r); s.Status().Code == codes.Error || len(s.Events()) > 0 {
		t.Errorf("status %v, events %v", s.Status(), s.Events())
	}
	if n := count(t, "operation_duration_seconds", "operation=Fail.Leaves", "status=success"); n != 1 {
		t.Errorf("%d successful calls, want 1", n)
	}
}

func TestIgnoredErrorIsSuccess(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Fail.Ignored", Ignore: []error{context.Canceled}})
	func() (err error) {
		call := o.StartRoot()
		defer call.EndErr(&err)
		return fmt.Errorf("reading: %w", context.Canceled)
	}()
	if s := only(t, r); s.Status().Code != codes.Unset || len(s.Events()) != 0 {
		t.Errorf("status is %v, events %v", s.Status(), s.Events())
	}
	if n := count(t, "operation_duration_seconds", "operation=Fail.Ignored", "status=success"); n != 1 {
		t.Errorf("%d successes were counted", n)
	}
}

type custom struct{ code int }

func TestPanicGoesOnUnchanged(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Panic.Value", Log: "off"})
	var m map[string]int
	cause := &custom{42}
	for _, c := range []struct {
		name  string
		throw func()
		same  func(r any) bool
	}{
		{"value", func() { panic(cause) }, func(r any) bool { return r == any(cause) }},
		{"error", func() { panic(os.ErrClosed) }, func(r any) bool { return r == any(os.ErrClosed) }},
		{"runtime error", func() { m["x"] = 1 }, func(r any) bool { _, ok := r.(runtime.Error); return ok }},
		{"nil", func() { panic(nil) }, func(r any) bool { _, ok := r.(*runtime.PanicNilError); return ok }},
	} {
		for way, end := range map[string]func(throw func()){
			"End":     func(throw func()) { call := o.StartRoot(); defer call.End(); throw() },
			"EndErr":  func(throw func()) { var err error; call := o.StartRoot(); defer call.EndErr(&err); throw() },
			"EndFunc": func(throw func()) { call := o.StartRoot(); defer call.EndFunc(nil); throw() },
		} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				r := spans(t)
				func() {
					defer func() {
						if got := recover(); !c.same(got) {
							t.Errorf("recovered %#v", got)
						}
					}()
					end(c.throw)
				}()
				s := only(t, r)
				if s.Status().Code != codes.Error || len(s.Events()) != 1 {
					t.Fatalf("status %v, events %v", s.Status(), s.Events())
				}
				stack := eventAttr(s.Events()[0].Attributes, "exception.stacktrace")
				if !strings.Contains(stack, "call_test.go") {
					t.Errorf("the stack does not show who panicked:\n%s", stack)
				}
			})
		}
	}
	if n := count(t, "operation_duration_seconds", "operation=Panic.Value", "status=failed"); n != 12 {
		t.Errorf("%d failures were counted, want 12", n)
	}
}

// A panic that passes many calls must not cost a stack for each: a parser that
// gives up by panicking would take minutes where it took milliseconds.
func TestOnlyTheInnermostCallHasThePanicsStack(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Panic.Deep", Log: "off"})
	for way, end := range map[string]func(c *orchestrall.Call){
		"End":     func(c *orchestrall.Call) { throwThrough(func() { defer c.End(); panic("bottom") }) },
		"EndErr":  func(c *orchestrall.Call) { throwThrough(func() { defer c.EndErr(nil); panic("bottom") }) },
		"EndFunc": func(c *orchestrall.Call) { throwThrough(func() { defer c.EndFunc(nil); panic("bottom") }) },
		"EndSeq": func(c *orchestrall.Call) {
			throwThrough(func() { var seq iter.Seq[int]; defer endSeq(c, &seq, nil); panic("bottom") })
		},
		"loop": func(c *orchestrall.Call) {
			throwThrough(func() {
				seq := iter.Seq[int](func(yield func(int) bool) { yield(1) })
				func() { defer endSeq(c, &seq, nil) }()
				for range seq {
					panic("bottom")
				}
			})
		},
		"again": func(c *orchestrall.Call) {
			throwThrough(func() {
				defer func() { panic(recover()) }()
				defer c.End()
				panic("bottom")
			})
		},
	} {
		t.Run(way, func(t *testing.T) {
			r := spans(t)
			func() {
				defer func() {
					if got := recover(); got != "bottom" {
						t.Errorf("recovered %v", got)
					}
				}()
				outer := o.StartRoot()
				defer outer.End()
				middle := o.StartRoot()
				defer middle.End()
				inner := o.StartRoot()
				end(&inner)
			}()
			var stacks []bool
			for _, s := range r.Ended() {
				if e := s.Events(); len(e) != 1 || eventAttr(e[0].Attributes, "exception.message") != "bottom" {
					t.Errorf("events %v", e)
				}
				stacks = append(stacks, eventAttr(s.Events()[0].Attributes, "exception.stacktrace") != "(absent)")
			}
			want := []bool{true, false, false}
			if way == "again" { // a panic of the user's own, and so a stack of its own
				want = []bool{true, true, false}
			}
			if !slices.Equal(stacks, want) {
				t.Errorf("the calls with a stack are %v, want %v", stacks, want)
			}
		})
	}
}

func throwThrough(f func()) { f() }

func TestRecoverOrderStays(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Panic.Order", Log: "off"})
	var order []string
	func() {
		defer func() { order = append(order, fmt.Sprint("outer ", recover())) }()
		call := o.StartRoot()
		defer call.End()
		defer func() { order = append(order, fmt.Sprint("inner ", recover())); panic("second") }()
		panic("first")
	}()
	if got := strings.Join(order, ", "); got != "inner first, outer second" {
		t.Errorf("recovered %s", got)
	}
}

func TestGoexitGoesOn(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Goexit.Call"})
	returned, done := false, make(chan bool)
	go func() {
		defer close(done)
		func() {
			call := o.StartRoot()
			defer call.End()
			runtime.Goexit()
		}()
		returned = true
	}()
	<-done
	if returned {
		t.Error("Goexit was stopped")
	}
	only(t, r)
}

// TestNilPanicUnderOldRules runs in a process of its own, since GODEBUG is read
// at its start.
func TestNilPanicUnderOldRules(t *testing.T) {
	if os.Getenv("ORCHESTRALL_TEST_NILPANIC") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNilPanicUnderOldRules$")
		cmd.Env = append(os.Environ(), "ORCHESTRALL_TEST_NILPANIC=1", "GODEBUG=panicnil=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Panic.Nil", Log: "off"})
	inner := func() {
		call := o.StartRoot()
		defer call.End()
	}
	passed := true
	func() {
		defer func() { _ = recover() }()
		func() {
			call := o.StartRoot()
			defer call.End()
			defer inner() // returns in order while a panic passes
			panic(nil)
		}()
		passed = false
	}()
	if !passed {
		t.Error("panic(nil) was stopped")
	}
	if got := r.Ended(); len(got) != 2 || got[0].Status().Code != codes.Unset || got[1].Status().Code != codes.Error {
		t.Errorf("spans: %v", got)
	}
	inner()
	if got := r.Ended()[2].Status().Code; got != codes.Unset {
		t.Errorf("a plain return has status %v", got)
	}
}

func TestZeroOperationPassesThrough(t *testing.T) {
	r := spans(t)
	var o orchestrall.Operation
	ctx := context.Background()
	got, call := o.Start(ctx, func(int) orchestrall.Value { t.Error("a field was evaluated"); return of(0) })
	if got != ctx {
		t.Error("the context changed")
	}
	call.End()
	func() {
		defer func() {
			if recover() != "through" {
				t.Error("the panic changed")
			}
		}()
		c := o.StartVia(func() context.Context { t.Error("the context was read"); return ctx }, nil)
		defer c.End()
		panic("through")
	}()
	if len(r.Ended()) != 0 {
		t.Error("there is a span")
	}
}

func TestNilContextStaysNil(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Nil.Ctx", Fields: []orchestrall.Field{{Role: orchestrall.Carried, Key: "userId"}}})
	func() {
		ctx, call := o.Start(nil, func(int) orchestrall.Value { return of("u") }) //nolint:staticcheck // what is tested
		defer call.End()
		if ctx != nil {
			t.Errorf("the context became %v", ctx)
		}
	}()
	if got := attr(only(t, r), "userId"); got != "u" {
		t.Errorf("userId is %s", got)
	}
}

type brokenContext struct{ context.Context }

func (brokenContext) Value(any) any { panic("no values") }

func TestBrokenContextIsContained(t *testing.T) {
	spans(t)
	o := operation(orchestrall.Spec{Name: "Broken.Ctx"})
	want := brokenContext{context.Background()}
	got, call := o.Start(want)
	if got != context.Context(want) {
		t.Errorf("the context became %v", got)
	}
	call.End()
	if n := count(t, "operation_duration_seconds", "operation=Broken.Ctx"); n != 1 {
		t.Errorf("%d calls were counted", n)
	}
}

func TestUnsampledParentHasNoSpan(t *testing.T) {
	r := spans(t, sdk.WithSampler(sdk.AlwaysSample()))
	o := operation(orchestrall.Spec{Name: "Unsampled.Call"})
	ctx := below(false)
	got, call := o.Start(ctx)
	call.End()
	if got != ctx || len(r.Started()) != 0 {
		t.Errorf("context changed: %v, %d spans", got != ctx, len(r.Started()))
	}
	orchestrall.SetParentBased(false)
	t.Cleanup(func() { orchestrall.SetParentBased(true) })
	_, call = o.Start(ctx)
	call.End()
	only(t, r)
}

func TestTracingOff(t *testing.T) {
	r := spans(t)
	orchestrall.SetTracing(false)
	t.Cleanup(func() { orchestrall.SetTracing(true) })
	o := operation(orchestrall.Spec{Name: "Off.Call"})
	ctx := context.Background()
	got, call := o.Start(ctx)
	call.End()
	if got != ctx || len(r.Started()) != 0 {
		t.Error("there is a span")
	}
	if n := count(t, "operation_duration_seconds", "operation=Off.Call"); n != 1 {
		t.Errorf("%d calls were counted", n)
	}
}

type incomparable struct {
	noop.TracerProvider
	_ []int
}

func TestProvidersMayComeAndGo(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Provider.Call"})
	run := func() { call := o.StartRoot(); defer call.End() }
	run() // with whatever was there
	one := spans(t)
	run()
	two := spans(t)
	run()
	run()
	otel.SetTracerProvider(incomparable{})
	run()
	otel.SetTracerProvider(noop.NewTracerProvider())
	run()
	if len(one.Ended()) != 1 || len(two.Ended()) != 2 {
		t.Errorf("the providers saw %d and %d spans", len(one.Ended()), len(two.Ended()))
	}
}

func TestSampleDecidesForRootsOnly(t *testing.T) {
	r := spans(t)
	never := operation(orchestrall.Spec{Name: "Sample.Never", Sample: "0"})
	child := operation(orchestrall.Spec{Name: "Sample.Child"})
	ctx, call := never.Start(context.Background())
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() || sc.IsSampled() {
		t.Errorf("the root's context is %v", sc)
	}
	_, inner := child.Start(ctx)
	inner.End()
	call.End()
	if len(r.Started()) != 0 {
		t.Error("there is a span")
	}
	_, call = never.Start(below(true))
	call.End()
	only(t, r)
	for _, s := range []string{"1", "", "nonsense", "7"} {
		o := operation(orchestrall.Spec{Name: "Sample.Always", Sample: s})
		before := len(r.Ended())
		c := o.StartRoot()
		c.End()
		if len(r.Ended()) != before+1 {
			t.Errorf("sample %q has no span", s)
		}
	}
}

func TestSlowAndMin(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Timed.Call", Slow: time.Second, Min: time.Millisecond, Log: "off"})
	synctest.Test(t, func(*testing.T) {
		for _, d := range []time.Duration{0, 10 * time.Millisecond, 2 * time.Second} {
			func() {
				call := o.StartRoot()
				defer call.End()
				time.Sleep(d)
			}()
		}
		func() (err error) {
			call := o.StartRoot()
			defer call.EndErr(&err)
			return os.ErrClosed
		}()
	})
	want := []string{"true (absent)", "(absent) (absent)", "(absent) true", "(absent) (absent)"}
	for i, s := range r.Ended() {
		if got := attr(s, orchestrall.DropKey) + " " + attr(s, orchestrall.SlowKey); got != want[i] {
			t.Errorf("call %d: drop and slow are %s, want %s", i, got, want[i])
		}
	}
}

func TestStartVia(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Via.Call"})
	type request struct{ ctx context.Context }
	handle := func(req *request) {
		call := o.StartVia(func() context.Context { return req.ctx }, func(ctx context.Context) { req.ctx = ctx })
		defer call.End()
	}
	req := &request{context.Background()}
	handle(req)
	if !trace.SpanContextFromContext(req.ctx).IsValid() {
		t.Error("the new context was not put back")
	}
	handle(nil)
	handle(&request{})
	if len(r.Ended()) != 3 {
		t.Errorf("%d spans", len(r.Ended()))
	}
	quiet := &request{below(false)}
	call := o.StartVia(func() context.Context { return quiet.ctx }, func(context.Context) { t.Error("an unchanged context was set") })
	call.End()
	call = o.StartVia(func() context.Context { return context.Background() }, func(context.Context) { panic("read-only") })
	call.End()
}

func TestOperationsAreListed(t *testing.T) {
	listed := unique("Listed")
	operation(orchestrall.Spec{Name: listed + ".B", SLO: "99.9@2s"})
	operation(orchestrall.Spec{Name: listed + ".A"})
	var names []string
	for _, s := range orchestrall.Operations() {
		if strings.HasPrefix(s.Name, listed) {
			names = append(names, strings.TrimPrefix(s.Name, listed)+s.SLO)
		}
	}
	if got := strings.Join(names, " "); got != ".A .B99.9@2s" {
		t.Errorf("operations are %s", got)
	}
}

type hostileTracer struct{ noop.Tracer }

func (hostileTracer) Start(context.Context, string, ...trace.SpanStartOption) (context.Context, trace.Span) {
	panic("no spans today")
}

type badProvider struct{ sdk.TracerProvider }

func (*badProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return hostileTracer{} }

func TestPanickingSDKIsContained(t *testing.T) {
	spans(t)
	otel.SetTracerProvider(&badProvider{})
	o := operation(orchestrall.Spec{Name: "Hostile.Call"})
	ctx := context.Background()
	got, call := o.Start(ctx)
	if got != ctx {
		t.Error("the context changed")
	}
	call.End()
	if n := count(t, "operation_duration_seconds", "operation=Hostile.Call"); n != 1 {
		t.Errorf("%d calls were counted", n)
	}
}
