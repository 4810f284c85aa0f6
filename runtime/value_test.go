package orchestrall_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type (
	userID   string
	level    int8
	ratio    float32
	enabled  bool
	stage    int
	secret   string
	point    struct{ X, Y int }
	login    struct{ Name, Password string }
	node     struct{ Next *node }
	stringer struct{ n int }
)

func (s stage) String() string        { return fmt.Sprintf("stage-%d", int(s)) }
func (secret) LogValue() slog.Value   { return slog.StringValue("hidden") }
func (s *stringer) String() string    { return fmt.Sprintf("n=%d", s.n) }
func show(v orchestrall.Value) string { return recorded(v)["v"] }
func pointer[T any](v T) *T           { return &v }

// recorded is what a span shows of values.
func recorded(v orchestrall.Value) map[string]string {
	return recordedAs(orchestrall.Field{Role: orchestrall.Attribute, Key: "v"}, func(int) orchestrall.Value { return v })
}

func recordedAs(f orchestrall.Field, fill func(int) orchestrall.Value) map[string]string {
	t := &fakeTB{}
	r := spans(t)
	defer t.finish()
	o := operation(orchestrall.Spec{Name: "Value.Of", Metric: "off", Log: "off", Fields: []orchestrall.Field{f}})
	func() {
		if f.AtEnd {
			call := o.StartRoot()
			defer call.End(fill)
			return
		}
		call := o.StartRoot(fill)
		defer call.End()
	}()
	out := map[string]string{"": r.Ended()[0].Name()}
	for _, kv := range r.Ended()[0].Attributes() {
		out[string(kv.Key)] = kv.Value.Emit()
	}
	return out
}

// fakeTB lets helpers that clean up run outside a test's own lifetime.
type fakeTB struct {
	testing.TB
	cleanups []func()
}

func (*fakeTB) Helper()            {}
func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) finish() {
	for _, c := range f.cleanups {
		c()
	}
}

func TestOf(t *testing.T) {
	text := []string{"a", "b"}
	for _, c := range []struct {
		got  orchestrall.Value
		want string
	}{
		{orchestrall.Of("text"), "text"},
		{orchestrall.Of(userID("u1")), "u1"},
		{orchestrall.Of(level(-3)), "-3"},
		{orchestrall.Of(ratio(0.5)), "0.5"},
		{orchestrall.Of(enabled(true)), "true"},
		{orchestrall.Of(uint64(1 << 63)), "9223372036854775808"},
		{orchestrall.Of(int64(-1)), "-1"},
		{orchestrall.Of('x'), "120"},
		{orchestrall.Of(1.25), "1.25"},
		{orchestrall.Of(stage(2)), "stage-2"},
		{orchestrall.Of(secret("s3cret")), "hidden"},
		{orchestrall.Of(1500 * time.Millisecond), "1.5s"},
		{orchestrall.Of(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)), "2026-01-02T03:04:05.000006Z"},
		{orchestrall.Of(errors.New("broken")), "broken"},
		{orchestrall.Of[error](nil), "<nil>"},
		{orchestrall.Of[any](nil), "<nil>"},
		{orchestrall.Of[any](7), "7"},
		{orchestrall.Of[any](userID("u2")), "u2"},
		{orchestrall.Of(&stringer{3}), "n=3"},
		{orchestrall.Of((*stringer)(nil)), "<nil>"},
		{orchestrall.Of((*int)(nil)), "<nil>"},
		{orchestrall.Of(pointer("optional")), "optional"},
		{orchestrall.Of(pointer(pointer(4))), "4"},
		{orchestrall.Of(text), `["a","b"]`},
		{orchestrall.Of([]string(nil)), "[]"},
		{orchestrall.Of([]int{1, 2}), "[1,2]"},
		{orchestrall.Of([]int64{3}), "[3]"},
		{orchestrall.Of([]bool{true}), "[true]"},
		{orchestrall.Of([]float64{.5}), "[0.5]"},
		{orchestrall.Of([]byte("raw")), "raw"},
		{orchestrall.Of(point{1, 2}), "{X:1 Y:2}"},
		{orchestrall.Of(&point{1, 2}), "&{X:1 Y:2}"},
		{orchestrall.Of(login{"bob", "hunter2"}), "{Name:bob Password:[redacted]}"},
		{orchestrall.Of(map[string]any{"b": 1, "a": login{"x", "y"}, "api_key": "k"}), "map[a:{Name:x Password:[redacted]} api_key:[redacted] b:1]"},
		{orchestrall.Of([]any{nil, 1i, struct{ T time.Duration }{time.Second}}), "[<nil> (0+1i) {T:1s}]"},
		{orchestrall.Of(func() {}), "(func())"},
		{orchestrall.Of(map[string]int(nil)), "<nil>"},
		{orchestrall.Of("\xff!"), "\uFFFD!"},
		{orchestrall.Value{}, ""},
	} {
		if got := show(c.got); got != c.want {
			t.Errorf("recorded %s, want %s", got, c.want)
		}
	}
}

func TestZeroValueIsLeftOut(t *testing.T) {
	if got, there := recorded(orchestrall.Value{})["v"]; there {
		t.Errorf("recorded %q", got)
	}
}

func TestHugeAndCyclicValuesAreBounded(t *testing.T) {
	huge := make([][]string, 1<<16)
	for i := range huge {
		huge[i] = []string{strings.Repeat("é", 1000)}
	}
	loop := &node{}
	loop.Next = loop
	big := map[int]int{}
	for i := range 1000 {
		big[i] = i
	}
	for name, v := range map[string]orchestrall.Value{
		"slices": orchestrall.Of(huge), "bytes": orchestrall.Of(make([]byte, 1<<20)),
		"string": orchestrall.Of(strings.Repeat("é", 1<<20)), "map": orchestrall.Of(big), "cycle": orchestrall.Of(loop),
	} {
		if got := show(v); len(got) > 4096 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %v", name, len(got), utf8.ValidString(got))
		}
	}
	many := make([]string, 1000)
	if got := show(orchestrall.Of(many)); strings.Count(got, ",") != 127 {
		t.Errorf("a long list has %d commas", strings.Count(got, ","))
	}
}

func TestSlicesAreCopied(t *testing.T) {
	list := []string{"before"}
	v := orchestrall.Of(list)
	list[0] = "after"
	if got := show(v); got != `["before"]` {
		t.Errorf("recorded %s", got)
	}
}

func TestErrorOf(t *testing.T) {
	if orchestrall.ErrorOf(os.ErrClosed) != os.ErrClosed {
		t.Error("an error is none")
	}
	if got := orchestrall.ErrorOf(&os.PathError{Op: "x", Err: os.ErrClosed}); got == nil {
		t.Error("a concrete error is none")
	}
	if got := orchestrall.ErrorOf[any](os.ErrClosed); got != os.ErrClosed {
		t.Error("an error in an interface is none")
	}
	if got := orchestrall.ErrorOf(syscall.ENOENT); got != syscall.ENOENT {
		t.Error("an error number is none")
	}
	for _, got := range []error{
		orchestrall.ErrorOf((*os.PathError)(nil)), orchestrall.ErrorOf[error](nil), orchestrall.ErrorOf(3),
		orchestrall.ErrorOf(syscall.Errno(0)), orchestrall.ErrorOf[error]((*os.PathError)(nil)),
	} {
		if got != nil {
			t.Errorf("%T is an error", got)
		}
	}
}

func TestFieldRules(t *testing.T) {
	var none *point
	attribute := func(key string) orchestrall.Field { return orchestrall.Field{Role: orchestrall.Attribute, Key: key} }
	for _, c := range []struct {
		name  string
		field orchestrall.Field
		fill  func(int) orchestrall.Value
		want  string
	}{
		{"nil dereference", attribute("v"), func(int) orchestrall.Value { return of(none.X) }, "<error>"},
		{"panic", attribute("v"), func(int) orchestrall.Value { panic("in the expression") }, "<error>"},
		{"panicking method", attribute("v"), func(int) orchestrall.Value { return of(error(rudeError{})) }, "<error>"},
		{"cap", orchestrall.Field{Key: "v", Max: 3}, func(int) orchestrall.Value { return of("aéé") }, "aé"},
		{"cap inside a character", orchestrall.Field{Key: "v", Max: 2}, func(int) orchestrall.Value { return of("aé") }, "a"},
		{"cap of elements", orchestrall.Field{Key: "v", Max: 1}, func(int) orchestrall.Value { return of([]string{"ab"}) }, `["a"]`},
		{"hash", orchestrall.Field{Key: "v", Mask: orchestrall.Hash}, func(int) orchestrall.Value { return of("user") }, "04f8996da763b7a9"},
		{"at the end", orchestrall.Field{Key: "v", AtEnd: true}, func(int) orchestrall.Value { return of(1) }, "1"},
		{"carried at the end", orchestrall.Field{Key: "v", Role: orchestrall.Carried, AtEnd: true}, func(int) orchestrall.Value { return of(1) }, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := recordedAs(c.field, c.fill)[c.field.Key]; got != c.want {
				t.Errorf("recorded %q, want %q", got, c.want)
			}
		})
	}
}

func TestSensitiveKeysAreNeverEvaluated(t *testing.T) {
	for key, masked := range map[string]bool{
		"password": true, "user.password": true, "dbPasswd": true, "access_token": true, "x-secret": true,
		"http.request.header.authorization": true, "apikey": true, "api_key": true, "apiKey": true, "APIKey": true,
		"X-API-Key": true, "setCookie": true, "aws.credential": true, "HTTPToken": true,
		"tokens": false, "llm.tokens.input": false, "secretary": false, "passwordless": false, "monkey": false,
		"key": false, "api.version.key": false, "user.id": false, "": false,
	} {
		evaluated := false
		got := recordedAs(orchestrall.Field{Key: key}, func(int) orchestrall.Value { evaluated = true; return of("open") })
		if masked && (got[key] != "[redacted]" || evaluated) {
			t.Errorf("%s is %q, evaluated: %v", key, got[key], evaluated)
		}
		if !masked && key != "" && got[key] != "open" {
			t.Errorf("%s is %q", key, got[key])
		}
	}
	got := recordedAs(orchestrall.Field{Key: "v", Mask: orchestrall.Redact}, func(int) orchestrall.Value { panic("evaluated") })
	if got["v"] != "[redacted]" {
		t.Errorf("a redacted value is %q", got["v"])
	}
}

func TestSpanNames(t *testing.T) {
	name := func(pattern string, fields []orchestrall.Field, fill ...string) string {
		r := spans(t)
		o := operation(orchestrall.Spec{Name: "Name.Static", SpanName: pattern, Fields: fields})
		f := func(i int) orchestrall.Value { return of(fill[i]) }
		func() {
			call := o.StartRoot(f)
			defer call.End(f)
		}()
		return only(t, r).Name()
	}
	part, late := orchestrall.Field{Role: orchestrall.NamePart}, orchestrall.Field{Role: orchestrall.NamePart, AtEnd: true}
	for _, c := range []struct{ got, want string }{
		{name("", nil), "Name.Static"},
		{name("plain name", nil), "plain name"},
		{name("step {0}", []orchestrall.Field{part}, "finalize"), "step finalize"},
		{name("{1}/{0}/{1}", []orchestrall.Field{part, part}, "a", "b"), "b/a/b"},
		{name("{0} → {1}", []orchestrall.Field{part, late}, "in", "out"), "in → out"},
		{name("{x} {7} {", nil), "{x} {7} {"},
		{name("{0}", []orchestrall.Field{part}, strings.Repeat("é", 999)), strings.Repeat("é", 128)},
	} {
		if c.got != c.want {
			t.Errorf("span name %q, want %q", c.got, c.want)
		}
	}
}

func TestOnlyWhatIsReadIsEvaluated(t *testing.T) {
	spans(t)
	logs(t, slog.LevelInfo, true)
	evaluated := map[int]int{}
	fields := []orchestrall.Field{
		{Role: orchestrall.Attribute, Key: "a"},
		{Role: orchestrall.Event, Key: "e"},
		{Role: orchestrall.NamePart},
		{Role: orchestrall.Label, Key: "l"},
		{Role: orchestrall.Carried, Key: "c"},
	}
	run := func(s orchestrall.Spec, sampled bool) string {
		clear(evaluated)
		s.Name, s.SpanName, s.Fields = "Eval."+s.Log+s.Metric, "{2}", fields
		_, call := operation(s).Start(below(sampled), func(i int) orchestrall.Value { evaluated[i]++; return of("x") })
		call.End()
		return fmt.Sprint(evaluated)
	}
	for _, c := range []struct{ got, want string }{
		{run(orchestrall.Spec{}, false), "map[3:1 4:1]"},
		{run(orchestrall.Spec{Metric: "off"}, false), "map[4:1]"},
		{run(orchestrall.Spec{}, true), "map[0:1 2:1 3:1 4:1]"},
		{run(orchestrall.Spec{Log: "info"}, false), "map[0:1 1:1 3:1 4:1]"},
		{run(orchestrall.Spec{Log: "debug"}, false), "map[3:1 4:1]"},
		{run(orchestrall.Spec{Log: "info"}, true), "map[0:1 1:1 2:1 3:1 4:1]"},
	} {
		if c.got != c.want {
			t.Errorf("evaluated %s, want %s", c.got, c.want)
		}
	}
}

// selfish records itself in the method that renders it.
type selfish struct{}

var selfishOp = operation(orchestrall.Spec{Name: "selfish.String", Log: "off", Fields: []orchestrall.Field{
	{Role: orchestrall.Attribute, Key: "self"}, {Role: orchestrall.Attribute, Key: "again"},
}})

func (s selfish) String() string {
	call := selfishOp.StartRoot(func(int) orchestrall.Value { return of(s) })
	defer call.End()
	return "selfish"
}

func TestValueThatRecordsItselfInItsOwnText(t *testing.T) {
	r := spans(t)
	if got := (selfish{}).String(); got != "selfish" {
		t.Errorf("String returns %q", got)
	}
	ended := r.Ended()
	if got := attr(ended[len(ended)-1], "self"); got != "selfish" {
		t.Errorf("the outermost call recorded %q", got)
	}
}
