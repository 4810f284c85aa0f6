package stdlog

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"reflect"
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

// write writes a line of package log. Where slog takes these lines, and the
// line is nothing but the message, its handler gets the context; else the ids
// follow the message.
func write(ctx context.Context, l *log.Logger, s string) {
	sc := spanContext(ctx)
	if !sc.IsValid() {
		_ = l.Output(toCaller, s)
		return
	}
	if level, ok := bridged(l); ok && handle(ctx, level, s) {
		return
	}
	line, newline := s, ""
	if strings.HasSuffix(s, "\n") {
		line, newline = s[:len(s)-1], "\n"
	}
	_ = l.Output(toCaller, line+" "+orchestrall.TraceIDKey+"="+sc.TraceID().String()+
		" "+orchestrall.SpanIDKey+"="+sc.SpanID().String()+newline)
}

// spanContext asks a context that may be anybody's, or nil.
func spanContext(ctx context.Context) (sc trace.SpanContext) {
	defer func() { _ = recover() }()
	if ctx == nil {
		return sc
	}
	return trace.SpanContextFromContext(ctx)
}

// bridged reports whether slog takes the logger's lines, at which level. The
// writer that slog.SetDefault has installed is not exported; one that looks
// otherwise than expected is a writer like any.
func bridged(l *log.Logger) (level slog.Level, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if l.Flags() != 0 || l.Prefix() != "" {
		return 0, false
	}
	w := l.Writer()
	if fmt.Sprintf("%T", w) != "*slog.handlerWriter" {
		return 0, false
	}
	v := reflect.ValueOf(w).Elem()
	if v.FieldByName("capturePC").Bool() {
		return 0, false // the source would be the wrong one
	}
	v = v.FieldByName("level").Elem() // the interface's
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return slog.Level(v.FieldByName("val").FieldByName("v").Int()), true
}

// handle hands the line to the default logger, as slog's own writer does but
// for the context. It reports false when the handler does not know contexts.
func handle(ctx context.Context, level slog.Level, s string) bool {
	h := slog.Default().Handler()
	if _, ok := h.(*orchestrall.Handler); !ok {
		return false
	}
	if !h.Enabled(ctx, level) {
		return true
	}
	_ = h.Handle(ctx, slog.NewRecord(time.Now(), level, strings.TrimSuffix(s, "\n"), 0))
	return true
}
