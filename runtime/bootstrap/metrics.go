package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

const defaultPort = "9464"

// startMetrics serves the default registry. Several programs on one machine is
// an everyday thing, so that a taken port is worth a line and no more.
func startMetrics(res *resource.Resource, getenv func(string) string) part {
	port := strings.ToLower(strings.TrimSpace(cmp.Or(
		getenv("PROMETHEUS_PORT"), getenv("OTEL_EXPORTER_PROMETHEUS_PORT"), defaultPort)))
	if port == "off" || port == "none" {
		return nil
	}
	address := net.JoinHostPort(cmp.Or(getenv("OTEL_EXPORTER_PROMETHEUS_HOST"), "127.0.0.1"), port)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		slog.Warn("metrics are not served; set PROMETHEUS_PORT to a free port, or to off", "error", err)
		return nil
	}
	instruments, stopMeter := startMeter(res)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{prometheus.DefaultGatherer, instruments}, promhttp.HandlerOpts{
		// One broken collector must not hide the others.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            scrapeLog{&errorLog{every: time.Minute, now: time.Now}},
		EnableOpenMetrics:   true, // which has the exemplars
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	}))
	mux.Handle("GET /-/active", operatorOnly(active()))
	mux.Handle("GET /-/operations", operatorOnly(http.HandlerFunc(listOperations)))
	mux.Handle("POST /-/operations", operatorOnly(http.HandlerFunc(switchOperations)))
	srv := &http.Server{
		Handler:           mux,
		BaseContext:       func(net.Listener) context.Context { return quiet.Context(context.Background()) },
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	go func() {
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Warn("metrics are no longer served", "error", err)
		}
	}()
	level := slog.LevelDebug
	if port == "0" { // nobody can know the address otherwise
		level = slog.LevelInfo
	}
	slog.Log(context.Background(), level, "metrics are served", "url", "http://"+listener.Addr().String()+"/metrics")
	return func(ctx context.Context) {
		closePart(ctx, stopMeter)
		_ = srv.Close()
	}
}

// scrapeLog tells what was wrong with a metric, but not at each scrape: names
// that two parts of a program use differently stay so until it is built anew.
type scrapeLog struct{ *errorLog }

// maxScrapeError is enough for the first of many.
const maxScrapeError = 2 << 10

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	text := strings.TrimSpace(fmt.Sprintln(v...))
	if len(text) > maxScrapeError {
		text = wholeRunes(text[:maxScrapeError]) + textCut
	}
	l.Handle(errors.New(text))
}

// drops counts the spans that were made and will reach nobody.
type drops struct {
	queueFull, exportFailed, shutdown, tooMany, rejected prometheus.Counter
}

func newDrops() drops {
	vec := counters("orchestrall_spans_dropped_total", "Spans that were recorded but not delivered.", "reason")
	return drops{
		queueFull:    vec.WithLabelValues("queue_full"),
		exportFailed: vec.WithLabelValues("export_failed"),
		shutdown:     vec.WithLabelValues("shutdown"),
		tooMany:      vec.WithLabelValues("console_full"),
		rejected:     vec.WithLabelValues("rejected"),
	}
}
