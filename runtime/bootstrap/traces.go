package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func disabled(getenv func(string) string) bool {
	return strings.EqualFold(strings.TrimSpace(getenv("OTEL_SDK_DISABLED")), "true")
}

// startTraces installs a tracer provider. Without an exporter it still hands
// out trace ids, so that the log lines of one request can be told from others.
func startTraces(res *resource.Resource, getenv func(string) string, stderr io.Writer, flusher *flusher) part {
	options := []trace.TracerProviderOption{trace.WithResource(newTidier(getenv).resource(res)), trace.WithSpanProcessor(carried{})}
	var queue *boundedQueue
	delivers := false
	dropped := newDrops()
	wanted := exporters(getenv)
	jaeger := jaegerHost(getenv, wanted)
	if jaeger != nil && len(wanted) == 0 {
		wanted = []string{"otlp"}
	}
	for _, name := range wanted {
		switch name {
		case "none":
		case "console":
			delivers = true
			options = append(options, trace.WithSpanProcessor(newConsole(stderr, dropped.tooMany)))
		case "otlp":
			exporter, err := newOTLP(getenv, jaeger)
			if err != nil {
				slog.Warn("spans are not exported", "error", newScrubber(getenv).text(err.Error()))
				continue
			}
			delivers = true
			size := wholeNumber(getenv, "OTEL_BSP_MAX_QUEUE_SIZE", trace.DefaultMaxQueueSize, mostWaiting)
			queue = newBoundedQueue(newMeasured(exporter, dropped), size, newTidier(getenv), dropped, batches(getenv, size)...)
			watchQueue("traces", queue.waiting.Load, queue.size)
			options = append(options, trace.WithSpanProcessor(queue))
		default:
			slog.Warn("OTEL_EXPORTER names an unknown exporter; use console, otlp or none", "exporter", name)
		}
	}
	var sampled func(api.TraceID) bool
	if delivers {
		var sampler trace.Sampler
		sampler, sampled = newSampler(getenv)
		options = append(options, trace.WithSampler(errorKeeper{sampler}), trace.WithIDGenerator(rootIDs{ids{}}))
	} else {
		if len(wanted) == 0 {
			slog.Debug("spans are not exported; set OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER=console to see them here")
		}
		options = append(options, trace.WithSampler(trace.ParentBased(trace.NeverSample())))
	}
	orchestrall.SetKeepErrors(delivers && keepsErrors(getenv))
	orchestrall.SetParentBased(!delivers || parentBased(getenv("OTEL_TRACES_SAMPLER")))
	orchestrall.SetAttributesInScope(true)
	provider := trace.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	orchestrall.SetRootsSampled(delivers && keepsErrors(getenv)) // both are false where every root is refused
	if sampled != nil {
		orchestrall.SetRootSampler(sampled)
	}
	flusher.add(provider.ForceFlush)
	return func(ctx context.Context) {
		err := provider.Shutdown(ctx)
		var lost int64
		if queue != nil {
			lost = queue.abandon()
		}
		if err != nil { // with the number: nobody will read the metrics any more
			slog.Warn("not all spans were exported before the program ended", "error", newScrubber(getenv).text(err.Error()), "waiting", lost)
		}
	}
}

// exporters returns the names of the wanted exporters, each once.
func exporters(getenv func(string) string) []string {
	names := words(getenv("OTEL_EXPORTER"))
	if len(names) == 0 {
		names = words(getenv("OTEL_TRACES_EXPORTER"))
	}
	if len(names) == 0 && otlpEndpoint(getenv) {
		return []string{"otlp"}
	}
	return names
}

// newOTLP returns the exporter for the endpoint in the environment, or for the
// Jaeger host if that is given.
func newOTLP(getenv func(string) string, jaeger *url.URL) (trace.SpanExporter, error) {
	protocol := cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if jaeger == nil {
		if err := checkEndpoint(getenv, "TRACES", protocol); err != nil {
			return nil, err
		}
	}
	switch protocol {
	case "http/protobuf":
		var options []otlptracehttp.Option
		if jaeger != nil {
			options = append(options, otlptracehttp.WithEndpointURL(jaeger.Scheme+"://"+net.JoinHostPort(jaeger.Hostname(), "4318")+"/v1/traces"))
		}
		client := newHTTPClient(getenv)
		if client == nil {
			return otlptracehttp.New(context.Background(), options...)
		}
		exporter, err := otlptracehttp.New(context.Background(), append(options, otlptracehttp.WithHTTPClient(client))...)
		if err != nil {
			return nil, err
		}
		return closing{exporter, client}, nil
	case "grpc":
		var options []otlptracegrpc.Option
		if jaeger != nil {
			options = append(options, otlptracegrpc.WithEndpointURL(jaeger.Scheme+"://"+net.JoinHostPort(jaeger.Hostname(), "4317")))
		}
		return otlptracegrpc.New(context.Background(), options...)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; use http/protobuf or grpc", protocol)
	}
}

// parentBased reports whether the SDK's sampler of that name heeds the
// parent's decision; the default does.
func parentBased(sampler string) bool {
	switch strings.ToLower(strings.TrimSpace(sampler)) {
	case "always_on", "always_off", "traceidratio":
		return false
	}
	return true
}

// batches says when spans are sent, and how many at once.
func batches(getenv func(string) string, size int) []trace.BatchSpanProcessorOption {
	const longest = 24 * 60 * 60 * 1000
	ms := func(name string, standard int) time.Duration {
		return time.Duration(wholeNumber(getenv, name, standard, longest)) * time.Millisecond
	}
	return []trace.BatchSpanProcessorOption{
		trace.WithMaxExportBatchSize(min(size, wholeNumber(getenv, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", trace.DefaultMaxExportBatchSize, mostWaiting))),
		trace.WithBatchTimeout(ms("OTEL_BSP_SCHEDULE_DELAY", trace.DefaultScheduleDelay)),
		trace.WithExportTimeout(ms("OTEL_BSP_EXPORT_TIMEOUT", trace.DefaultExportTimeout)),
	}
}

func number(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil
}

// unwanted reports whether the runtime asked for the span to be dropped.
func unwanted(s trace.ReadOnlySpan) bool {
	return slices.ContainsFunc(s.Attributes(), func(kv attribute.KeyValue) bool {
		return kv.Key == orchestrall.DropKey && kv.Value.AsBool()
	})
}
