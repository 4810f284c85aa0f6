package bootstrap

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/orchestrall/orchestrall/runtime/internal/w3c"
)

// newPropagator reads OTEL_PROPAGATORS.
func newPropagator(getenv func(string) string) propagation.TextMapPropagator {
	wanted := words(getenv("OTEL_PROPAGATORS"))
	if len(wanted) == 0 {
		wanted = []string{"tracecontext", "baggage"}
	}
	var chosen []propagation.TextMapPropagator
	for _, name := range wanted {
		switch name {
		case "tracecontext":
			chosen = append(chosen, w3c.TraceContext{})
		case "baggage":
			chosen = append(chosen, propagation.Baggage{})
		case "none":
		default:
			slog.Warn("OTEL_PROPAGATORS names an unknown propagator; use tracecontext, baggage or none", "propagator", name)
		}
	}
	return propagation.NewCompositeTextMapPropagator(chosen...)
}

// mostWaiting bounds queues, whose places are taken at once.
const mostWaiting = 1 << 20

// wholeNumber reads a number from 1 to most. Where it is none the default counts:
// what the SDK makes of a negative one ranges from a panic to no pause at all.
func wholeNumber(getenv func(string) string, name string, standard, most int) int {
	text := strings.TrimSpace(getenv(name))
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		slog.Warn(name+" is not understood; the default counts", "value", text, "least", 1, "most", most, "default", standard)
		return standard
	}
	return n
}

// words splits a list at its commas: lower case, each word once.
func words(list string) (all []string) {
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word != "" && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// wantsMetrics reads OTEL_METRICS_EXPORTER: /metrics is all there is.
func wantsMetrics(getenv func(string) string) bool {
	wanted := words(getenv("OTEL_METRICS_EXPORTER"))
	for _, name := range wanted {
		if name != "prometheus" && name != "none" {
			slog.Warn("OTEL_METRICS_EXPORTER names an exporter that is not there; metrics are served at /metrics for Prometheus or a collector",
				"exporter", name)
		}
	}
	return !slices.Equal(wanted, []string{"none"})
}

// unheeded are settings of the specification that change nothing here.
var unheeded = []string{
	"OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE",
	"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL",
	"OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_METRICS_PRODUCERS",
	"OTEL_EXPORTER_JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_AGENT_HOST", "OTEL_EXPORTER_JAEGER_AGENT_PORT",
	"OTEL_EXPORTER_ZIPKIN_ENDPOINT",
}

// warnUnheeded says so in one line: somebody set them and waits for an effect.
func warnUnheeded(getenv func(string) string) {
	var set []string
	for _, name := range unheeded {
		if strings.TrimSpace(getenv(name)) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		slog.Warn("some settings have no effect; see docs/configuration.md", "variables", strings.Join(set, ", "))
	}
}
