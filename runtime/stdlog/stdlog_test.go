package stdlog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

const ids = "traceId=0a000000000000000000000000000000 spanId=0b00000000000000"

func traced() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{10}, SpanID: trace.SpanID{11},
	}))
}

// restore puts the standard loggers back: slog.SetDefault changes both.
func restore(t *testing.T) {
	l, w, flags, prefix := slog.Default(), log.Writer(), log.Flags(), log.Prefix()
	t.Cleanup(func() {
		slog.SetDefault(l)
		log.SetOutput(w)
		log.SetFlags(flags)
		log.SetPrefix(prefix)
	})
}

func noTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func text(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime})
}

func TestSlogLinesCarryIDs(t *testing.T) {
	restore(t)
	var out bytes.Buffer
	h := text(&out)
	l := New(h)
	l.InfoContext(traced(), "a")
	l.With("k", 1).InfoContext(traced(), "b")
	l.Info("c")
	SetDefault(l)
	if slog.Default() != l {
		t.Error("another logger is the default")
	}
	slog.InfoContext(traced(), "d")
	New(New(h).Handler()).InfoContext(traced(), "e")
	SetDefault(slog.New(h))
	slog.InfoContext(traced(), "f")
	want := "level=INFO msg=a " + ids + "\nlevel=INFO msg=b k=1 " + ids + "\nlevel=INFO msg=c\nlevel=INFO msg=d " + ids +
		"\nlevel=INFO msg=e " + ids + "\nlevel=INFO msg=f " + ids + "\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

// What slog writes without a context is written as slog does, and with the ids.
func TestSlogFunctionsWithAContext(t *testing.T) {
	restore(t)
	var out bytes.Buffer
	h := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true, ReplaceAttr: func(g []string, a slog.Attr) slog.Attr {
		if src, ok := a.Value.Any().(*slog.Source); ok {
			return slog.Int("line", src.Line)
		}
		return noTime(g, a)
	}}))
	slog.SetDefault(h)
	slog.Debug("plain", "k", 1)
	Debug(traced(), "a", "k", 1)
	Info(traced(), "b", slog.Int("k", 1))
	Warn(traced(), "c", "odd")
	Error(traced(), "d")
	LoggerDebug(traced(), h.With("l", 1), "e")
	LoggerInfo(traced(), h, "f")
	LoggerWarn(nil, h, "g") //nolint:staticcheck // what a program may do
	LoggerError(context.Background(), h, "h")
	LoggerInfo(traced(), slog.New(slog.DiscardHandler), "i")
	line := strings.Count(strings.SplitAfter(source(t), "func TestSlogFunctionsWithAContext")[0], "\n") + 11
	var want strings.Builder
	for i, s := range []string{
		"DEBUG @ msg=plain k=1", "DEBUG @ msg=a k=1 " + ids, "INFO @ msg=b k=1 " + ids, "WARN @ msg=c !BADKEY=odd " + ids, "ERROR @ msg=d " + ids,
		"DEBUG @ msg=e l=1 " + ids, "INFO @ msg=f " + ids, "WARN @ msg=g", "ERROR @ msg=h",
	} {
		want.WriteString("level=" + strings.Replace(s, "@", "line="+itoa(line+i), 1) + "\n")
	}
	if out.String() != want.String() {
		t.Errorf("got:\n%swant:\n%s", out.String(), want.String())
	}
}

func TestProgramsSeeTheirOwnHandler(t *testing.T) {
	restore(t)
	h := text(io.Discard)
	if got := Handler(New(h)); got != h {
		t.Errorf("the handler is a %T", got)
	}
	plain := slog.Default().Handler()
	if got := New(plain).Handler(); got != plain {
		t.Errorf("slog's own handler became a %T", got)
	}
	if got := Handler(New(h).WithGroup("g")); got == nil {
		t.Error("no handler")
	}
	for name, f := range map[string]func(){"New": func() { New(nil) }, "slog.New": func() { slog.New(nil) }} {
		func() {
			defer func() {
				if r := recover(); r != "nil Handler" {
					t.Errorf("%s panics with %v", name, r)
				}
			}()
			f()
		}()
	}
}

func TestLogLinesCarryIDs(t *testing.T) {
	restore(t)
	var out bytes.Buffer
	log.SetOutput(&out)
	log.SetFlags(log.Lshortfile | log.Lmsgprefix)
	log.SetPrefix("app: ")
	own := log.New(&out, "own ", log.Lshortfile)
	Printf(traced(), "%d\n", 1)
	Print(traced(), "a", "b", 2, 3)
	Println(traced(), "a", 1)
	LoggerPrintf(traced(), own, "x\ny")
	LoggerPrint(context.Background(), own, "plain\n")
	LoggerPrint(traced(), own, "paragraph\n\n")
	LoggerPrintln(nil, own) //nolint:staticcheck // what a program may do
	got := strings.ReplaceAll(out.String(), "stdlog_test.go:", "F:")
	var want strings.Builder
	line := strings.Count(strings.SplitAfter(source(t), "func TestLogLinesCarryIDs")[0], "\n") + 8
	for i, s := range []string{"%: app: 1 " + ids, "%: app: ab2 3 " + ids, "%: app: a 1 " + ids, "own %: x\ny " + ids, "own %: plain", "own %: paragraph " + ids + "\n", "own %: "} {
		want.WriteString(strings.Replace(s, "%", "F:"+itoa(line+i), 1) + "\n")
	}
	if got != want.String() {
		t.Errorf("got:\n%swant:\n%s", got, want.String())
	}
}

func itoa(n int) string { return strings.TrimPrefix(slog.IntValue(n).String(), "+") }

func source(t *testing.T) string {
	b, err := os.ReadFile("stdlog_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBridgedLinesAreRecords(t *testing.T) {
	restore(t)
	var out bytes.Buffer
	log.SetFlags(0)
	SetDefault(New(text(&out)))
	log.Print("x\n")
	Print(context.Background(), "x\n")
	Print(traced(), "x\n")
	before := slog.SetLogLoggerLevel(slog.LevelWarn)
	defer slog.SetLogLoggerLevel(before)
	Printf(traced(), "%d", 5)
	slog.SetLogLoggerLevel(slog.LevelDebug)
	Print(traced(), "hidden")
	slog.SetLogLoggerLevel(slog.LevelInfo)
	log.SetPrefix("p: ")
	Print(traced(), "x")
	want := "level=INFO msg=x\nlevel=INFO msg=x\nlevel=INFO msg=x " + ids + "\nlevel=WARN msg=5 " + ids + "\nlevel=INFO msg=\"p: x\" " + ids + "\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

// A bridged line is what package log would print, with the place of the program,
// whether the flags were set before slog took the lines or after that.
func TestBridgedLinesHaveTheirPlace(t *testing.T) {
	for name, setup := range map[string]func(w io.Writer){
		"flags after": func(w io.Writer) {
			log.SetFlags(0)
			SetDefault(New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime, AddSource: true})))
			log.SetFlags(log.Lshortfile | log.Lmsgprefix)
			log.SetPrefix("p: ")
		},
		"flags before": func(w io.Writer) {
			log.SetFlags(log.Lshortfile)
			SetDefault(New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime, AddSource: true})))
		},
		"another handler": func(w io.Writer) {
			log.SetFlags(log.Lshortfile)
			slog.SetDefault(slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime, AddSource: true})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			restore(t)
			log.SetPrefix("")
			var plain, out bytes.Buffer
			setup(&plain)
			_, _, first, _ := runtime.Caller(0)
			log.Print("x\n\n")
			log.Printf("%d", 5)
			want := plain.String()
			restore(t)
			log.SetPrefix("")
			setup(&out)
			_, _, second, _ := runtime.Caller(0)
			Print(nil, "x\n\n") //nolint:staticcheck // what a program may do
			Printf(context.Background(), "%d", 5)
			Print(traced(), "x\n\n")
			Printf(traced(), "%d", 5)
			for i := range 2 {
				want = strings.ReplaceAll(want, itoa(first+1+i), "LINE"+itoa(1+i))
			}
			got := out.String()
			for i := range 4 {
				got = strings.ReplaceAll(got, itoa(second+1+i), "LINE"+itoa(1+i%2))
			}
			lines := strings.SplitAfter(got, "\n")
			if strings.Join(lines[:2], "") != want {
				t.Errorf("without ids:\n%s\nwant:\n%s", got, want)
			}
			for i, line := range lines[2:4] {
				if bare := strings.Replace(line, " "+ids, "", 1); bare == line || bare != lines[i] && bare != strings.Replace(lines[i], "msg=5", "msg=\"5\"", 1) {
					t.Errorf("with ids: %s\nwant: %s", line, lines[i])
				}
			}
		})
	}
}

func TestPanicsHaveTheProgramsValue(t *testing.T) {
	restore(t)
	var out bytes.Buffer
	log.SetOutput(&out)
	log.SetFlags(0)
	own := log.New(&out, "", 0)
	for want, f := range map[string]func(){
		"a1":    func() { Panic(traced(), "a", 1) },
		"a-1":   func() { Panicf(traced(), "a-%d", 1) },
		"a 1\n": func() { Panicln(traced(), "a", 1) },
		"b1":    func() { LoggerPanic(traced(), own, "b", 1) },
		"b-1":   func() { LoggerPanicf(traced(), own, "b-%d", 1) },
		"b 1\n": func() { LoggerPanicln(traced(), own, "b", 1) },
	} {
		out.Reset()
		func() {
			defer func() {
				if r := recover(); r != want {
					t.Errorf("the value is %q, want %q", r, want)
				}
			}()
			f()
		}()
		if line := strings.TrimSuffix(want, "\n") + " " + ids + "\n"; out.String() != line {
			t.Errorf("the line is %q, want %q", out.String(), line)
		}
	}
}

func TestFatal(t *testing.T) {
	fatals := map[string]func(){
		"Fatal":         func() { Fatal(traced(), "x") },
		"Fatalf":        func() { Fatalf(traced(), "%s", "x") },
		"Fatalln":       func() { Fatalln(traced(), "x") },
		"LoggerFatal":   func() { LoggerFatal(traced(), log.Default(), "x") },
		"LoggerFatalf":  func() { LoggerFatalf(traced(), log.Default(), "%s", "x") },
		"LoggerFatalln": func() { LoggerFatalln(traced(), log.Default(), "x") },
	}
	if f := fatals[os.Getenv("STDLOG_FATAL")]; f != nil {
		log.SetFlags(0)
		f()
		return
	}
	for name := range fatals {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFatal$")
		cmd.Env = append(os.Environ(), "STDLOG_FATAL="+name)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), "x "+ids+"\n") {
			t.Errorf("%s: %v, %q", name, err, stderr.String())
		}
	}
}

func TestUnwrap(t *testing.T) {
	h := text(io.Discard)
	if w := orchestrall.NewHandler(h).(*orchestrall.Handler); w.Unwrap() != h || w.WithGroup("g").(*orchestrall.Handler).Unwrap() == h {
		t.Error("Unwrap returns another handler")
	}
}
