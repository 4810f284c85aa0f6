package bootstrap

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/pinned"
)

// newSampler is the sampler that OTEL_TRACES_SAMPLER names. The SDK reads that
// itself, but only where it is given no sampler. roots decides like it about the
// traces that begin here; it is nil where that takes more than the id, or all are
// sampled.
func newSampler(getenv func(string) string) (s trace.Sampler, roots func(api.TraceID) bool) {
	name := strings.ToLower(strings.TrimSpace(cmp.Or(getenv("OTEL_TRACES_SAMPLER"), "parentbased_always_on")))
	root, parentBased := strings.CutPrefix(name, "parentbased_")
	switch root {
	case "always_on":
		s = trace.AlwaysSample()
	case "always_off":
		s = trace.NeverSample()
	case "traceidratio":
		s = trace.TraceIDRatioBased(samplerRatio(getenv("OTEL_TRACES_SAMPLER_ARG")))
	default:
		slog.Warn("OTEL_TRACES_SAMPLER names an unknown sampler; all traces are sampled", "sampler", name)
		s, parentBased = trace.AlwaysSample(), true
	}
	if !parentBased {
		return s, nil
	}
	if root == "traceidratio" {
		roots = byID(s)
	}
	return trace.ParentBased(s), roots
}

func samplerRatio(arg string) float64 {
	if arg = strings.TrimSpace(arg); arg == "" {
		return 1
	}
	ratio, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		slog.Warn("OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1; all traces are sampled", "value", arg)
		return 1
	}
	return ratio
}

// keepsErrors reports whether failed calls are kept in traces that are not
// sampled. Who switches sampling off wants no spans at all.
func keepsErrors(getenv func(string) string) bool {
	return !strings.HasSuffix(strings.ToLower(strings.TrimSpace(getenv("OTEL_TRACES_SAMPLER"))), "always_off")
}

// errorKeeper samples what the runtime rescues, and asks the program's sampler
// for the rest.
type errorKeeper struct{ trace.Sampler }

// ShouldSample implements trace.Sampler.
func (k errorKeeper) ShouldSample(p trace.SamplingParameters) trace.SamplingResult {
	if _, _, rescued := orchestrall.Rescued(p.ParentContext); rescued {
		return trace.SamplingResult{
			Decision:   trace.RecordAndSample,
			Tracestate: api.SpanContextFromContext(p.ParentContext).TraceState(),
		}
	}
	return k.Sampler.ShouldSample(p)
}

// Description implements trace.Sampler.
func (k errorKeeper) Description() string { return "KeepErrors{" + k.Sampler.Description() + "}" }

// ids gives a rescued span the ids that its log lines already carry.
type ids struct{ pinned.Generator }

// NewIDs implements trace.IDGenerator.
func (g ids) NewIDs(ctx context.Context) (api.TraceID, api.SpanID) {
	if traceID, spanID, _ := orchestrall.Rescued(ctx); traceID.IsValid() && spanID.IsValid() {
		return traceID, spanID
	}
	return g.Generator.NewIDs(ctx)
}

// NewSpanID implements trace.IDGenerator.
func (g ids) NewSpanID(ctx context.Context, traceID api.TraceID) api.SpanID {
	if _, spanID, _ := orchestrall.Rescued(ctx); spanID.IsValid() {
		return spanID
	}
	return g.Generator.NewSpanID(ctx, traceID)
}
