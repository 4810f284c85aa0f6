package bootstrap

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	bridge "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// startMeter installs a meter provider and returns where its measurements can
// be gathered. They have a registry of their own, so that an instrument with an
// unlucky name spoils nothing in the program's.
func startMeter(res *resource.Resource) (prometheus.Gatherer, part) {
	registry := prometheus.NewRegistry()
	reader, err := bridge.New(bridge.WithRegisterer(registry), bridge.WithoutTargetInfo())
	if err != nil {
		slog.Warn("OpenTelemetry instruments are not served", "error", err)
		return registry, nil
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(res))
	otel.SetMeterProvider(provider)
	return registry, func(ctx context.Context) { _ = provider.Shutdown(ctx) }
}
