package orchestrall_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func messages(t testing.TB, j *journal) string {
	t.Helper()
	var out []string
	for _, l := range j.lines(t) {
		out = append(out, fmt.Sprint(l["level"], " ", l["msg"]))
	}
	return strings.Join(out, "; ")
}

func TestWhichLinesAreWritten(t *testing.T) {
	ok := func() error { return nil }
	fail := func() error { return os.ErrClosed }
	for _, c := range []struct {
		name  string
		spec  orchestrall.Spec
		level slog.Level
		body  func() error
		want  string
	}{
		{"agent", orchestrall.Spec{Kind: orchestrall.Agent}, slog.LevelInfo, ok, "INFO Log.Op finished"},
		{"workflow", orchestrall.Spec{Kind: orchestrall.Workflow}, slog.LevelInfo, ok, "INFO Log.Op finished"},
		{"others at info", orchestrall.Spec{Kind: orchestrall.Step}, slog.LevelInfo, ok, ""},
		{"others at debug", orchestrall.Spec{Kind: orchestrall.Step}, slog.LevelDebug, ok, "DEBUG Log.Op finished"},
		{"log=info", orchestrall.Spec{Log: "info"}, slog.LevelInfo, ok, "INFO Log.Op started; INFO Log.Op finished"},
		{"log=warn", orchestrall.Spec{Log: "warn"}, slog.LevelWarn, ok, "WARN Log.Op started; WARN Log.Op finished"},
		{"failure", orchestrall.Spec{}, slog.LevelInfo, fail, "ERROR Log.Op failed"},
		{"failure after start", orchestrall.Spec{Log: "info"}, slog.LevelInfo, fail, "INFO Log.Op started; ERROR Log.Op failed"},
		{"off", orchestrall.Spec{Log: "off"}, slog.LevelDebug, fail, ""},
		{"slow", orchestrall.Spec{Slow: 1, Kind: orchestrall.Agent}, slog.LevelInfo, ok, "WARN Log.Op is slow"},
		{"slow failure", orchestrall.Spec{Slow: 1}, slog.LevelInfo, fail, "ERROR Log.Op failed"},
		{"ignored", orchestrall.Spec{Kind: orchestrall.Agent, Ignore: []error{os.ErrClosed}}, slog.LevelInfo, fail, "INFO Log.Op finished"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spans(t)
			j := logs(t, c.level, true)
			c.spec.Name = "Log.Op"
			o := operation(c.spec)
			synctest.Test(t, func(*testing.T) {
				_ = func() (err error) {
					_, call := o.Start(context.Background())
					defer call.EndErr(&err)
					time.Sleep(time.Millisecond)
					return c.body()
				}()
			})
			if got := messages(t, j); got != c.want {
				t.Errorf("lines: %s; want %s", got, c.want)
			}
		})
	}
}

func TestLineHoldsWhatAnOperatorNeeds(t *testing.T) {
	for _, wrapped := range []bool{true, false} {
		r := spans(t)
		j := logs(t, slog.LevelInfo, wrapped)
		outer := operation(orchestrall.Spec{
			Name: "Line.Outer", Log: "off",
			Fields: []orchestrall.Field{{Role: orchestrall.Carried, Key: "userId"}},
		})
		inner := operation(orchestrall.Spec{
			Name: "Line.Inner", Kind: orchestrall.Tool,
			Fields: []orchestrall.Field{
				{Role: orchestrall.Attribute, Key: "order.id"},
				{Role: orchestrall.Attribute, Key: "rows", AtEnd: true},
				{Role: orchestrall.Event, Key: "note", AtEnd: true},
			},
		})
		synctest.Test(t, func(*testing.T) {
			ctx, call := outer.Start(context.Background(), func(int) orchestrall.Value { return of("user_123") })
			defer call.End()
			_ = func() (err error) {
				_, call := inner.Start(ctx, func(int) orchestrall.Value { return of(17) })
				defer call.EndErr(&err, func(i int) orchestrall.Value { return of(i) })
				time.Sleep(1500 * time.Microsecond)
				return fmt.Errorf("reading: %w", os.ErrNotExist)
			}()
		})
		lines := j.lines(t)
		if len(lines) != 1 {
			t.Fatalf("%d lines", len(lines))
		}
		sc := r.Ended()[0].SpanContext()
		delete(lines[0], "time")
		failure, _ := lines[0]["error"].(map[string]any)
		stack, _ := failure["stack"].(string)
		delete(failure, "stack")
		functions := regexp.MustCompile(`(?m)^\t.*\n?`).ReplaceAllString(stack, "")
		if !strings.HasPrefix(functions, "github.com/orchestrall/orchestrall/runtime_test.TestLineHoldsWhatAnOperatorNeeds.") ||
			!strings.HasSuffix(functions, "\ntesting.tRunner\n") || strings.Contains(stack, "runtime.(") {
			t.Errorf("the stack is\n%s\nwant it from the traced function outward", stack)
		}
		got, _ := json.Marshal(lines[0])
		want := fmt.Sprintf(`{"error":{"causes":[{"message":"file does not exist","name":"*errors.errorString"}],`+
			`"message":"reading: file does not exist","name":"*errors.errorString"},"level":"ERROR",`+
			`"metadata":{"duration":1.5,"kind":"tool","note":2,"operation":"Line.Inner","order.id":17,"rows":1,"status":"failed"},`+
			`"msg":"Line.Inner failed","spanId":"%s","traceId":"%s","userId":"user_123"}`, sc.SpanID(), sc.TraceID())
		if string(got) != want {
			t.Errorf("wrapped %v:\n got %s\nwant %s", wrapped, got, want)
		}
		if got := attr(r.Ended()[0], "userId"); got != "user_123" {
			t.Errorf("the nested span has userId %s", got)
		}
	}
}

// thrower panics below the traced function.
func thrower(deep int) int {
	if deep == 0 {
		panic("out of order")
	}
	return 1 + thrower(deep-1)
}

func TestPanicIsLogged(t *testing.T) {
	j := logs(t, slog.LevelInfo, true)
	o, outer := operation(orchestrall.Spec{Name: "Line.Panic"}), operation(orchestrall.Spec{Name: "Line.Outer"})
	func() {
		defer func() { _ = recover() }()
		call := outer.StartRoot()
		defer call.End()
		func() {
			call := o.StartRoot()
			defer call.End()
			thrower(100)
		}()
	}()
	group, _ := j.lines(t)[0]["error"].(map[string]any)
	stack := fmt.Sprint(group["stack"])
	if group["message"] != "out of order" || group["name"] != "string" || strings.Contains(stack, "runtime.gopanic") ||
		!strings.HasPrefix(stack, "github.com/orchestrall/orchestrall/runtime_test.thrower\n\t") || !strings.HasSuffix(stack, "\n…") || len(stack) > 16<<10 {
		t.Errorf("the line has %v", group)
	}
	if around, _ := j.lines(t)[1]["error"].(map[string]any); around["message"] != "out of order" || around["stack"] != nil {
		t.Errorf("the line of the call around it has %v", around)
	}
}

// endless is an error that wraps itself.
type endless struct{}

func (endless) Error() string     { return strings.Repeat("again", 1000) }
func (e endless) Unwrap() []error { return []error{nil, e, e} }

// rude is an error whose Unwrap panics.
type rude struct{}

func (rude) Error() string { return "rude" }
func (rude) Unwrap() error { panic("no") }

func TestErrorsAreDescribed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.EOF, "[name=*errors.errorString message=EOF]"},
		{
			fmt.Errorf("a: %w", errors.Join(os.ErrClosed, fmt.Errorf("b: %w", &os.PathError{Op: "open", Path: "x", Err: os.ErrNotExist}))),
			"[name=*errors.joinError message=a: file already closed\nb: open x: file does not exist causes=[" +
				"*errors.joinError: file already closed\nb: open x: file does not exist *errors.errorString: file already closed " +
				"*fs.PathError: b: open x: file does not exist *fs.PathError: open x: file does not exist *errors.errorString: file does not exist]]",
		},
		{rude{}, "[name=orchestrall_test.rude message=rude]"},
		{fmt.Errorf("two: %w, %w", io.EOF, rude{}), "[name=*fmt.wrapErrors message=two: EOF, rude causes=[*errors.errorString: EOF orchestrall_test.rude: rude]]"},
	} {
		if got := orchestrall.Err(c.err).Value.String(); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	if got := orchestrall.Err(endless{}).Value.String(); strings.Count(got, "orchestrall_test.endless") != 9 || len(got) > 16<<10 {
		t.Errorf("an endless chain is %d bytes long: %.200s", len(got), got)
	}
	if a := orchestrall.Err(nil); !a.Equal(slog.Attr{}) {
		t.Errorf("no error is %v", a)
	}
}

// TestFailuresThatNobodyWatched have the fields of the start where the end knows
// them: the call is in an unsampled trace, and DEBUG lines are off.
func TestFailuresThatNobodyWatched(t *testing.T) {
	for _, late := range []bool{true, false} {
		j := logs(t, slog.LevelInfo, true)
		o := operation(orchestrall.Spec{Name: "Line.Late", Late: late, Fields: []orchestrall.Field{
			{Role: orchestrall.Attribute, Key: "order"},
			{Role: orchestrall.Event, Key: "note"},
			{Role: orchestrall.Attribute, Key: "rows", AtEnd: true},
		}})
		asked := 0
		call := func(err error) {
			fill := func(i int) orchestrall.Value { asked++; return of(i + 10) }
			_, call := o.Start(below(false), fill)
			defer call.EndErr(&err, fill)
		}
		call(nil)
		if asked != 0 {
			t.Errorf("a call that succeeds was asked for %d fields", asked)
		}
		call(os.ErrClosed)
		meta, _ := j.lines(t)[0]["metadata"].(map[string]any)
		if meta["rows"] != 12.0 || late && (meta["order"] != 10.0 || meta["note"] != 11.0) || !late && meta["order"] != nil {
			t.Errorf("late %v: metadata is %v", late, meta)
		}
	}
}

func TestFieldsDoNotHideTheLinesOwn(t *testing.T) {
	j := logs(t, slog.LevelDebug, true)
	o := operation(orchestrall.Spec{Name: "Line.Own", Fields: []orchestrall.Field{
		{Role: orchestrall.Attribute, Key: "status"},
		{Role: orchestrall.Label, Key: "agent_type"},
		{Role: orchestrall.Label, Key: "tier"},
	}})
	call := o.StartRoot(func(i int) orchestrall.Value { return of([]string{"paid", "research", "gold"}[i]) })
	call.End()
	meta, _ := j.lines(t)[0]["metadata"].(map[string]any)
	if meta["status"] != "success" || meta["attr.status"] != "paid" || meta["agent_type"] != "research" || meta["tier"] != "gold" {
		t.Errorf("metadata is %v", meta)
	}
}

func TestCarriedFields(t *testing.T) {
	spans(t)
	carried := func(keys ...string) *orchestrall.Operation {
		s := orchestrall.Spec{Name: "Carry." + strings.Join(keys, ""), Log: "off"}
		for _, k := range keys {
			s.Fields = append(s.Fields, orchestrall.Field{Role: orchestrall.Carried, Key: k})
		}
		return operation(s)
	}
	put := func(ctx context.Context, o *orchestrall.Operation, v string) context.Context {
		ctx, call := o.Start(ctx, func(int) orchestrall.Value { return of(v) })
		call.End()
		return ctx
	}
	ctx := put(context.Background(), carried("userId", "token"), "u1")
	ctx = put(ctx, carried("requestId"), "r1")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = put(ctx, carried("userId"), "u2")
	if got := fmt.Sprint(orchestrall.CarriedAttrs(ctx)); got != "[userId=u2 token=[redacted] requestId=r1]" {
		t.Errorf("carried: %s", got)
	}
	if got := orchestrall.CarriedAttrs(nil); len(got) != 0 { //nolint:staticcheck // what is tested
		t.Errorf("nil carries %v", got)
	}
	unsampled := put(below(false), carried("userId"), "u3")
	if same := put(unsampled, carried("userId"), "u3"); same != unsampled {
		t.Error("carrying the same again made a new context")
	}
}

// traced is a log handler whose every part is an instrumented function.
type traced struct {
	slog.Handler
	op *orchestrall.Operation
}

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	ctx, call := h.op.Start(ctx)
	defer call.End()
	h.stamp()
	return h.Handler.Handle(ctx, r)
}

func (h traced) stamp() {
	call := h.op.StartRoot()
	defer call.End()
}

// tracedWriter is below the handler's lock.
type tracedWriter struct {
	journal
	op *orchestrall.Operation
}

func (w *tracedWriter) Write(b []byte) (int, error) {
	call := w.op.StartRoot()
	defer call.End()
	return w.journal.Write(b)
}

func TestTracedHandlerDoesNotAnswerItself(t *testing.T) {
	work := operation(orchestrall.Spec{Name: "Handler.Work", Log: "info"})
	o := operation(orchestrall.Spec{Name: "Handler.Handle", Log: "info", Slow: 1})
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{
		"ours":  orchestrall.NewHandler,
		"other": func(h slog.Handler) slog.Handler { return h },
	} {
		t.Run(name, func(t *testing.T) {
			j := &tracedWriter{op: o}
			use(t, wrap(traced{slog.NewJSONHandler(j, nil), o}))
			call := work.StartRoot()
			call.End()
			want := "INFO Handler.Work started; INFO Handler.Work finished"
			if name == "ours" { // then lines of the program's own are watched too
				slog.Info("own")
				want += "; INFO own"
			}
			if got := messages(t, &j.journal); got != want {
				t.Errorf("lines: %s", got)
			}
		})
	}
}

type hostileHandler struct{ slog.Handler }

func (hostileHandler) Handle(context.Context, slog.Record) error { panic("no lines today") }

type hostileLevels struct{ slog.Handler }

func (hostileLevels) Enabled(context.Context, slog.Level) bool { panic("no levels today") }

func TestPanickingHandlerIsContained(t *testing.T) {
	r := spans(t)
	o := operation(orchestrall.Spec{Name: "Handler.Hostile", Log: "info"})
	for _, h := range []slog.Handler{hostileHandler{slog.DiscardHandler}, hostileLevels{slog.DiscardHandler}} {
		use(t, h)
		err := func() (err error) {
			_, call := o.Start(context.Background())
			defer call.EndErr(&err)
			return os.ErrClosed
		}()
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("the error became %v", err)
		}
	}
	use(t, hostileHandler{slog.NewJSONHandler(&journal{}, nil)})
	call := o.StartRoot()
	call.End()
	if n := count(t, "operation_duration_seconds", "operation=Handler.Hostile"); n != 3 {
		t.Errorf("%d calls were counted", n)
	}
	if len(r.Ended()) != 3 {
		t.Errorf("%d spans have ended", len(r.Ended()))
	}
}

func TestHandlerKeepsTheRulesOfSlog(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return orchestrall.NewHandler(slog.NewJSONHandler(&buf, nil))
	}, func(t *testing.T) map[string]any {
		m := map[string]any{}
		if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func TestHandlerTiesLinesToTheirTrace(t *testing.T) {
	var buf bytes.Buffer
	drop := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}
	l := slog.New(orchestrall.NewHandler(orchestrall.NewHandler(slog.NewJSONHandler(&buf, drop))))
	o := operation(orchestrall.Spec{Name: "Handler.Ctx", Log: "off", Fields: []orchestrall.Field{{Role: orchestrall.Carried, Key: "userId"}}})
	parent := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	ctx, call := o.Start(parent, func(int) orchestrall.Value { return of("u") })
	defer call.End()
	ids := `"traceId":"01000000000000000000000000000000","spanId":"0200000000000000"`
	for _, c := range []struct {
		log  func()
		want string
	}{
		{func() { l.InfoContext(ctx, "m", "k", 1) }, `{"msg":"m","k":1,` + ids + `,"userId":"u"}`},
		{func() { l.InfoContext(ctx, "m", "userId", "mine") }, `{"msg":"m","userId":"mine",` + ids + `}`},
		{func() { l.With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "m", "c", 3) }, `{"msg":"m","a":1,"g":{"b":2,"c":3},` + ids + `,"userId":"u"}`},
		{func() { l.WithGroup("g").WithGroup("h").InfoContext(ctx, "m") }, `{"msg":"m",` + ids + `,"userId":"u"}`},
		{func() { l.Info("m") }, `{"msg":"m"}`},
	} {
		buf.Reset()
		c.log()
		if got := strings.TrimSpace(buf.String()); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}
