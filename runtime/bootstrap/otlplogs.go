package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// otlpLogs exports lines through OpenTelemetry's SDK. The record has the trace
// in fields of its own; its attributes are called as in the JSON line, with
// dots, but for the error, which the conventions have names for.
type otlpLogs struct {
	service  string
	provider *sdk.LoggerProvider
	logger   log.Logger
	queue    *recordQueue
	client   *http.Client // nil where the exporter has one of its own
}

func newOTLPLogs(res *resource.Resource, t *logTarget, getenv func(string) string) (*otlpLogs, error) {
	client := newHTTPClient(getenv, "LOGS")
	exporter, err := newLogExporter(t, client)
	if err != nil {
		return nil, err
	}
	queue := newRecordQueue(exporter, t.general, maxRecords(getenv))
	provider := sdk.NewLoggerProvider(sdk.WithResource(res), sdk.WithProcessor(queue))
	return &otlpLogs{
		service: serviceName(res), provider: provider, queue: queue,
		logger: provider.Logger(orchestrall.ScopeName), client: client,
	}, nil
}

// newLogExporter leaves to the exporter what it reads from the environment
// itself, and tells it what it does not do: to use the user and the password of
// the address.
func newLogExporter(t *logTarget, client *http.Client) (sdk.Exporter, error) {
	headers := t.headers
	if t.auth != "" {
		headers = maps.Clone(headers)
		if !hasHeader(headers, "Authorization") {
			headers["Authorization"] = t.auth
		}
	}
	ctx := context.Background()
	if t.grpc {
		var options []otlploggrpc.Option
		if t.url != nil {
			options = append(options, otlploggrpc.WithEndpointURL(t.url.String()), otlploggrpc.WithHeaders(headers))
		}
		return otlploggrpc.New(ctx, options...)
	}
	options := []otlploghttp.Option{otlploghttp.WithEndpointURL(t.url.String()), otlploghttp.WithHeaders(headers)}
	if client != nil {
		options = append(options, otlploghttp.WithHTTPClient(client))
	}
	return otlploghttp.New(ctx, options...)
}

func hasHeader(headers map[string]string, name string) bool {
	for key := range headers {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// take implements sink.
func (o *otlpLogs) take(l *line) error {
	if o.queue.off.Load() {
		return nil
	}
	var r log.Record
	r.SetTimestamp(l.at)
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(severity(l.level))
	r.SetSeverityText(l.level.String())
	r.SetBody(attribute.StringValue(recordText(l.message)))
	r.AddAttributes(o.attributes(l)...)
	o.logger.Emit(l.ctx, r)
	return nil
}

// severity is the number that the data model gives to slog's levels.
func severity(l slog.Level) log.Severity {
	return log.Severity(min(max(int(l)+int(log.SeverityInfo), int(log.SeverityTrace1)), int(log.SeverityFatal4)))
}

func (o *otlpLogs) attributes(l *line) []attribute.KeyValue {
	var kvs []attribute.KeyValue
	if l.service != o.service {
		kvs = append(kvs, attribute.String(orchestrall.ServiceKey, l.service))
	}
	for _, kv := range l.carried {
		if !ownKey(string(kv.Key)) {
			kvs = append(kvs, kv)
		}
	}
	for i := range l.ids {
		if a := l.ids[i]; a.Key != "" && !l.carries(a.Key) {
			kvs = appendRecord(kvs, a.Key, a.Value, 0)
		}
	}
	if l.failed.Key != "" {
		kvs = appendException(kvs, l.failed.Value)
	}
	for _, a := range l.handler.tree(l.own, l.root) {
		kvs = appendRecord(kvs, orchestrall.MetadataKey+"."+a.Key, a.Value, 0)
	}
	return kvs
}

func appendException(kvs []attribute.KeyValue, v slog.Value) []attribute.KeyValue {
	if v.Kind() == slog.KindString {
		return append(kvs, attribute.String("exception.message", recordText(v.String())))
	}
	for _, a := range groupOf(v) {
		key := orchestrall.ErrorKey + "." + a.Key
		switch a.Key {
		case "name":
			key = "exception.type"
		case "message":
			key = "exception.message"
		case "stack":
			key = "exception.stacktrace"
		}
		kvs = appendRecord(kvs, key, a.Value, 0)
	}
	return kvs
}

// groupOf is what an error or a group consists of.
func groupOf(v slog.Value) []slog.Attr {
	if v = resolved(v); v.Kind() == slog.KindAny {
		if err, is := v.Any().(error); is {
			v = orchestrall.Err(err).Value
		}
	}
	if v.Kind() != slog.KindGroup {
		return nil
	}
	return merged(v.Group())
}

// appendRecord adds groups as what they hold, with dots in the keys.
func appendRecord(kvs []attribute.KeyValue, key string, v slog.Value, depth int) []attribute.KeyValue {
	if masks(key, v) {
		return append(kvs, attribute.String(key, scrubbed))
	}
	v = resolved(v)
	if group := groupOf(v); group != nil {
		if depth >= maxDepth {
			return append(kvs, attribute.String(key, textCut))
		}
		for _, a := range group {
			kvs = appendRecord(kvs, key+"."+a.Key, a.Value, depth+1)
		}
		return kvs
	}
	switch v.Kind() {
	case slog.KindString:
		return append(kvs, attribute.String(key, recordText(v.String())))
	case slog.KindInt64:
		return append(kvs, attribute.Int64(key, v.Int64()))
	case slog.KindFloat64:
		return append(kvs, attribute.Float64(key, v.Float64()))
	case slog.KindBool:
		return append(kvs, attribute.Bool(key, v.Bool()))
	case slog.KindDuration:
		return append(kvs, attribute.Int64(key, int64(v.Duration())))
	case slog.KindAny:
		if list, ok := v.Any().([]string); ok {
			return append(kvs, attribute.StringSlice(key, list))
		}
		return append(kvs, attribute.String(key, recordText(string(appendAny(nil, v.Any(), 0)))))
	}
	return append(kvs, attribute.String(key, recordText(v.String())))
}

// maxRecordText caps the strings of a record, which wait in memory.
const maxRecordText = 16 << 10

// recordText is s as UTF-8: a collector refuses the whole batch for one bad byte.
func recordText(s string) string {
	if len(s) > maxRecordText {
		s = strings.Clone(wholeRunes(s[:maxRecordText])) + textCut
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (o *otlpLogs) flush(ctx context.Context) error { return o.provider.ForceFlush(ctx) }

func (o *otlpLogs) close(ctx context.Context) error {
	defer func() {
		if o.client != nil {
			o.client.CloseIdleConnections()
		}
	}()
	err := o.provider.Shutdown(ctx)
	o.queue.abandon()
	// The provider leaves the processor as it is when a flush has taken all the time.
	err = errors.Join(err, o.queue.Shutdown(ctx))
	if o.queue.off.Load() {
		return nil
	}
	return err
}

func maxRecords(getenv func(string) string) int {
	return wholeNumber(getenv, "OTEL_BLRP_MAX_QUEUE_SIZE", maxQueuedLines, mostWaiting)
}

// recordQueue is the SDK's batch processor with a bound in bytes, too, and a
// count of what is lost. The SDK's own drops the oldest and says how many.
type recordQueue struct {
	*sdk.BatchProcessor
	max     int
	general bool // the address may not take logs at all
	off     atomic.Bool
	ended   atomic.Bool
	lost    lostLines

	life   context.Context // of exports
	cancel context.CancelFunc

	mu    sync.Mutex
	sizes []int // of the records on their way, in order
	bytes int
}

func newRecordQueue(exporter sdk.Exporter, general bool, size int) *recordQueue {
	q := &recordQueue{max: size, general: general, lost: newLostLines()}
	q.life, q.cancel = context.WithCancel(context.Background())
	q.BatchProcessor = sdk.NewBatchProcessor(countingLogExporter{exporter, newHealth("logs"), q}, sdk.WithMaxQueueSize(size))
	watchQueue("logs", q.length, int64(size))
	return q
}

func (q *recordQueue) length() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int64(len(q.sizes))
}

// OnEmit implements sdk.Processor.
func (q *recordQueue) OnEmit(ctx context.Context, r *sdk.Record) error {
	if q.ended.Load() {
		q.lost.shutdown.Inc()
		return nil
	}
	size := sizeOf(r)
	q.mu.Lock()
	if len(q.sizes) >= q.max || q.bytes+size > maxQueuedBytes {
		q.mu.Unlock()
		q.lost.queueFull.Inc()
		return nil
	}
	q.sizes = append(q.sizes, size)
	q.bytes += size
	q.mu.Unlock()
	return q.BatchProcessor.OnEmit(ctx, r)
}

// recordSize is about what a record takes without its texts.
const recordSize = 600

func sizeOf(r *sdk.Record) int {
	n := recordSize + len(r.Body().AsString())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		n += 64 + len(kv.Key)
		if kv.Value.Type() == attribute.STRING {
			n += len(kv.Value.AsString())
		}
		return true
	})
	return n
}

// gone takes n records off the queue, and reports whether it was abandoned.
func (q *recordQueue) gone(n int) (ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.sizes))
	for _, size := range q.sizes[:n] {
		q.bytes -= size
	}
	q.sizes = append(q.sizes[:0], q.sizes[n:]...)
	return q.ended.Load()
}

// abandon counts what is still on its way as lost, and lets go of it.
func (q *recordQueue) abandon() {
	defer q.cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended.Swap(true) {
		q.lost.shutdown.Add(float64(len(q.sizes)))
	}
}

type countingLogExporter struct {
	sdk.Exporter
	health
	queue *recordQueue
}

// Export implements sdk.Exporter.
func (e countingLogExporter) Export(ctx context.Context, records []sdk.Record) error {
	if len(records) == 0 || e.queue.off.Load() {
		e.queue.gone(len(records))
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.queue.life, cancel)()
	start, err := time.Now(), e.queue.life.Err()
	if err == nil {
		err = e.Exporter.Export(quiet.Context(ctx), records)
	}
	ended := e.queue.gone(len(records))
	if err == nil || ended { // then they are counted already
		e.observe(start, err)
		return nil
	}
	if e.queue.general && takesNoLogs(err) {
		e.queue.off.Store(true)
		slog.Warn("log lines are not exported: what OTEL_EXPORTER_OTLP_ENDPOINT names takes no logs; set OTEL_LOGS_EXPORTER=none, or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT to what does")
		return nil
	}
	e.observe(start, err)
	e.queue.lost.exportFailed.Add(float64(len(records)))
	return fmt.Errorf("exporting log lines: %w", err)
}

// takesNoLogs reports whether a back end has answered that it knows no logs, as
// one for traces only does.
func takesNoLogs(err error) bool {
	return grpcstatus.Code(err) == codes.Unimplemented || strings.Contains(err.Error(), ": 404 Not Found")
}
