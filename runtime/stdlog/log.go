package stdlog

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// The functions below are those of package log with the context of the function
// that calls them. Woven code calls them where there is one.

// Print is [log.Print].
func Print(ctx context.Context, v ...any) { write(ctx, log.Default(), fmt.Sprint(v...)) }

// Printf is [log.Printf].
func Printf(ctx context.Context, format string, v ...any) {
	write(ctx, log.Default(), fmt.Sprintf(format, v...))
}

// Println is [log.Println].
func Println(ctx context.Context, v ...any) { write(ctx, log.Default(), fmt.Sprintln(v...)) }

// Fatal is [log.Fatal].
func Fatal(ctx context.Context, v ...any) {
	write(ctx, log.Default(), fmt.Sprint(v...))
	os.Exit(1)
}

// Fatalf is [log.Fatalf].
func Fatalf(ctx context.Context, format string, v ...any) {
	write(ctx, log.Default(), fmt.Sprintf(format, v...))
	os.Exit(1)
}

// Fatalln is [log.Fatalln].
func Fatalln(ctx context.Context, v ...any) {
	write(ctx, log.Default(), fmt.Sprintln(v...))
	os.Exit(1)
}

// Panic is [log.Panic]; the value of the panic has no ids.
func Panic(ctx context.Context, v ...any) {
	s := fmt.Sprint(v...)
	write(ctx, log.Default(), s)
	panic(s)
}

// Panicf is [log.Panicf].
func Panicf(ctx context.Context, format string, v ...any) {
	s := fmt.Sprintf(format, v...)
	write(ctx, log.Default(), s)
	panic(s)
}

// Panicln is [log.Panicln].
func Panicln(ctx context.Context, v ...any) {
	s := fmt.Sprintln(v...)
	write(ctx, log.Default(), s)
	panic(s)
}

// LoggerPrint is [log.Logger.Print].
func LoggerPrint(ctx context.Context, l *log.Logger, v ...any) { write(ctx, l, fmt.Sprint(v...)) }

// LoggerPrintf is [log.Logger.Printf].
func LoggerPrintf(ctx context.Context, l *log.Logger, format string, v ...any) {
	write(ctx, l, fmt.Sprintf(format, v...))
}

// LoggerPrintln is [log.Logger.Println].
func LoggerPrintln(ctx context.Context, l *log.Logger, v ...any) { write(ctx, l, fmt.Sprintln(v...)) }

// LoggerFatal is [log.Logger.Fatal].
func LoggerFatal(ctx context.Context, l *log.Logger, v ...any) {
	write(ctx, l, fmt.Sprint(v...))
	os.Exit(1)
}

// LoggerFatalf is [log.Logger.Fatalf].
func LoggerFatalf(ctx context.Context, l *log.Logger, format string, v ...any) {
	write(ctx, l, fmt.Sprintf(format, v...))
	os.Exit(1)
}

// LoggerFatalln is [log.Logger.Fatalln].
func LoggerFatalln(ctx context.Context, l *log.Logger, v ...any) {
	write(ctx, l, fmt.Sprintln(v...))
	os.Exit(1)
}

// LoggerPanic is [log.Logger.Panic].
func LoggerPanic(ctx context.Context, l *log.Logger, v ...any) {
	s := fmt.Sprint(v...)
	write(ctx, l, s)
	panic(s)
}

// LoggerPanicf is [log.Logger.Panicf].
func LoggerPanicf(ctx context.Context, l *log.Logger, format string, v ...any) {
	s := fmt.Sprintf(format, v...)
	write(ctx, l, s)
	panic(s)
}

// LoggerPanicln is [log.Logger.Panicln].
func LoggerPanicln(ctx context.Context, l *log.Logger, v ...any) {
	s := fmt.Sprintln(v...)
	write(ctx, l, s)
	panic(s)
}

// toCaller is how far the program's call is from Output: past write and the
// function that it calls.
const toCaller = 3

// write writes a line of package log. Where slog takes these lines its handler
// gets the context; else the ids follow the message.
func write(ctx context.Context, l *log.Logger, s string) {
	sc := spanContext(ctx)
	if b, ok := bridgeOf(l); ok && b.needs(sc) {
		b.write(ctx, sc, l, s)
		return
	}
	if sc.IsValid() {
		s = withIDs(s, sc)
	}
	_ = l.Output(toCaller, s)
}

// withIDs puts the ids behind the last word of a message.
func withIDs(s string, sc trace.SpanContext) string {
	text := strings.TrimRight(s, "\n")
	return text + " " + orchestrall.TraceIDKey + "=" + sc.TraceID().String() + " " + orchestrall.SpanIDKey + "=" + sc.SpanID().String() + s[len(text):]
}

// spanContext asks a context that may be anybody's, or nil.
func spanContext(ctx context.Context) (sc trace.SpanContext) {
	defer func() { _ = recover() }()
	if ctx == nil {
		return sc
	}
	return trace.SpanContextFromContext(ctx)
}

// A bridge is what slog.SetDefault has made of a logger: a writer of records.
type bridge struct {
	level   slog.Level
	source  bool // records tell where the program logs
	handler slog.Handler
	carries bool // the handler takes the ids from the context
}

// bridgeOf reports whether slog takes the logger's lines. The writer that
// slog.SetDefault has installed is not exported; one that looks otherwise than
// expected is a writer like any.
func bridgeOf(l *log.Logger) (b bridge, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	t := reflect.TypeOf(l.Writer())
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() != "log/slog" || t.Elem().Name() != "handlerWriter" {
		return b, false
	}
	v := reflect.ValueOf(l.Writer()).Elem()
	b.source = v.FieldByName("capturePC").Bool()
	v = v.FieldByName("level").Elem() // the interface's
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	b.level = slog.Level(v.FieldByName("val").FieldByName("v").Int())
	b.handler = slog.Default().Handler()
	_, b.carries = b.handler.(*orchestrall.Handler)
	return b, true
}

// needs reports whether the bridge's own writer would lose the ids or the place:
// it knows no context, and takes the place to be one call nearer than it is.
func (b bridge) needs(sc trace.SpanContext) bool { return b.source || b.carries && sc.IsValid() }

// write hands the line to the handler as the bridge's own writer does, which
// makes a message of all that the logger would print.
func (b bridge) write(ctx context.Context, sc trace.SpanContext, l *log.Logger, s string) {
	if ctx == nil {
		ctx = context.Background()
	}
	if !b.handler.Enabled(ctx, b.level) {
		return
	}
	if sc.IsValid() && !b.carries {
		s = withIDs(s, sc)
	}
	if l.Flags() != 0 || l.Prefix() != "" {
		var line strings.Builder
		_ = log.New(&line, l.Prefix(), l.Flags()).Output(toCaller+1, s)
		s = line.String()
	}
	var pcs [1]uintptr
	if b.source {
		runtime.Callers(toCaller+1, pcs[:])
	}
	_ = b.handler.Handle(ctx, slog.NewRecord(time.Now(), b.level, strings.TrimSuffix(s, "\n"), pcs[0]))
}
