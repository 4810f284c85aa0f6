// Package bootstrap starts telemetry for programs that have none of their own:
// JSON logs with trace ids, a metrics endpoint, and spans.
//
// The environment decides; a program that sets nothing gets logs on standard
// error, metrics on loopback and trace ids in its log lines, and sends nothing
// anywhere.
//
//	LOG_LEVEL                        debug, info (default), warn, error
//	LOG_FORMAT                       json (default), or text for people, in colours on a terminal
//	LOG_SAMPLING                     FIRST/EVERY, 100/100 by default, or off: of DEBUG and INFO lines with the same
//	                                 message the first so many a second are written, then one in so many; the
//	                                 rest is counted in log_events_dropped_total
//	PROMETHEUS_PORT                  port of /metrics, 9464 by default; 0 takes a free one, off none
//	OTEL_EXPORTER_PROMETHEUS_HOST    address of /metrics, 127.0.0.1 by default
//	OTEL_EXPORTER                    console, otlp, none, or several with commas; OTEL_TRACES_EXPORTER likewise.
//	                                 By default otlp where an OTLP endpoint is set, else none
//	JAEGER_ENDPOINT                  where nothing else is set: OTLP to that host, with a warning
//	OTEL_EXPORTER_OTLP_PROTOCOL      http/protobuf (default) or grpc; …_TRACES_PROTOCOL likewise
//	OTEL_EXPORTER_OTLP_…             endpoint, headers, certificates, timeout: see the exporters
//	OTEL_LOGS_EXPORTER               none, or otlp, the default where there is an endpoint (…_LOGS_ENDPOINT is its own):
//	                                 log lines go there as well, to Loki where it ends in /loki/api/v1/push
//	OTEL_TRACES_SAMPLER, …_ARG       always_on, always_off, traceidratio, or parentbased_ before one of these.
//	                                 Calls that fail leave a span whatever it says, unless it is always_off
//	OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_…
//	                                 as the OpenTelemetry SDK reads them
//	ORCHESTRALL_SIGNALS              off: spans that wait are not handed over at SIGTERM and SIGINT
//	OTEL_SDK_DISABLED                true: neither spans nor metrics, only logs
//
// Beside /metrics, /-/active lists the oldest running calls of operations with
// a slow or a hang limit, each with its trace id and the stack of its goroutine.
// /-/operations lists all operations with their counts, and with POST switches
// those that a pattern means:
//
//	curl -X POST -H 'X-Orchestrall: operator' 'http://127.0.0.1:9464/-/operations?name=Cache.*&state=off'
//
// state is on or off, log a level as in a directive, sample a ratio; default
// goes back to what the directive says. ORCHESTRALL_DISABLE=PATTERN,… switches
// operations off from the start. Both addresses answer only requests from the
// same machine, and none that a web page of another origin makes.
//
// No part may fail the program. What does not start says so in one warning and
// is left out; what a back end does not take in time is dropped and counted in
// orchestrall_spans_dropped_total and log_events_dropped_total.
package bootstrap

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Options say what the environment cannot know.
type Options struct {
	// Service is the import path of the program. Its last part names the
	// service unless OTEL_SERVICE_NAME does.
	Service string
}

// Start sets up logs, metrics and spans as the environment asks for. The
// program calls stop before it exits: it hands over what is still queued and
// waits for that at most five seconds, or OTEL_BSP_EXPORT_TIMEOUT where that
// is less. Further calls of stop do nothing.
func Start(options Options) (stop func()) {
	return start(options, os.Getenv, os.Stderr)
}

// A part is something that runs until it is closed.
type part func(context.Context)

func start(options Options, getenv func(string) string, stderr io.Writer) (stop func()) {
	var parts []part
	// Even a bug in here must not keep the program from starting.
	defer func() {
		if r := recover(); r != nil {
			slog.Warn("telemetry did not start completely", "error", fmt.Sprint(r))
		}
		stop = stopper(parts, stopLimit(getenv))
	}()
	scrub := newScrubber(getenv)
	var early earlyErrors
	otel.SetErrorHandler(&early)
	res, resErr := newResource(options.Service, getenv)
	logs := startLogs(serviceName(res), getenv, stderr)
	parts = append(parts, logs.stop)
	if resErr != nil {
		slog.Warn("resource attributes are incomplete", "error", scrub.text(resErr.Error()))
	}
	reports{scrub, &errorLog{every: time.Minute, now: time.Now}}.install()
	early.tell()
	logs.connect(res, getenv, scrub)
	otel.SetTextMapPropagator(newPropagator(getenv))
	if disabled(getenv) {
		orchestrall.SetTracing(false)
		return nil
	}
	warnUnheeded(getenv)
	if wantsMetrics(getenv) {
		parts = append(parts, startMetrics(res, getenv))
	}
	flusher := newFlusher(stopLimit(getenv))
	flusher.add(logs.flush)
	parts = append(parts, startTraces(res, getenv, stderr, flusher))
	orchestrall.SetFlush(flusher.flush)
	if !switchedOff(getenv("ORCHESTRALL_SIGNALS")) {
		parts = append(parts, startSignals(flusher.flush))
	}
	parts = append(parts, logs.hurry)
	return nil
}

// longestStop is how long a program may take longer to exit for telemetry's sake.
const longestStop = 5 * time.Second

// switchedOff understands what people write for no.
func switchedOff(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "off", "false", "0", "no", "none":
		return true
	}
	return false
}

func stopLimit(getenv func(string) string) time.Duration {
	if ms, ok := number(getenv("OTEL_BSP_EXPORT_TIMEOUT")); ok && ms > 0 {
		return min(longestStop, time.Duration(ms)*time.Millisecond)
	}
	return longestStop
}

// stopper returns a function that closes the parts, newest first, and returns
// at the limit even if one of them does not heed its context. The context ends
// a little earlier, so that what was lost can still be said.
func stopper(parts []part, limit time.Duration) func() {
	return sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit-limit/10)
		defer cancel()
		overdue := time.NewTimer(limit)
		defer overdue.Stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := len(parts) - 1; i >= 0; i-- {
				closePart(ctx, parts[i])
			}
		}()
		select {
		case <-done:
		case <-overdue.C:
		}
	})
}

func closePart(ctx context.Context, p part) {
	defer func() {
		if r := recover(); r != nil {
			slog.Warn("telemetry did not stop cleanly", "error", fmt.Sprint(r))
		}
	}()
	if p != nil {
		p(ctx)
	}
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// shortName makes a service name of an import path: the last part that says
// something. example.com/shop/v2, example.com/shop/cmd → shop.
func shortName(importPath string) string {
	name := path.Base(importPath)
	for parent := path.Dir(importPath); saysNothing(name) && parent != "."; parent = path.Dir(parent) {
		name = path.Base(parent)
	}
	if name == "." || name == "/" {
		return "unknown_service"
	}
	return name
}

func saysNothing(name string) bool {
	return name == "cmd" || name == "main" || majorVersion.MatchString(name)
}
