package bootstrap

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	otlpresource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // so that calls can name it
	grpcmeta "google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// otlpLogs sends lines as OTLP, by HTTP or gRPC. The record has the trace in
// fields of its own; its attributes are called as in the JSON line, with dots,
// but for the error, which the conventions have names for.
//
// OpenTelemetry's own log SDK is not used: its API has changed from release to
// release, so that a program that requires one of them could be built with no
// other.
type otlpLogs struct {
	*shipper
	service  string
	target   *logTarget
	resource *otlpresource.Resource
	schema   string
	gzip     bool

	client *http.Client // over HTTP
	conn   *grpc.ClientConn
}

func newOTLPLogs(res *resource.Resource, t *logTarget, getenv func(string) string) (*otlpLogs, error) {
	own := func(name string) string {
		return cmp.Or(getenv("OTEL_EXPORTER_OTLP_LOGS_"+name), getenv("OTEL_EXPORTER_OTLP_"+name))
	}
	o := &otlpLogs{
		service: serviceName(res), target: t,
		resource: &otlpresource.Resource{Attributes: keyValues(res.Attributes())}, schema: res.SchemaURL(),
		gzip: own("COMPRESSION") == "gzip",
	}
	var err error
	if t.grpc {
		o.conn, err = t.dial(getenv, strings.EqualFold(own("INSECURE"), "true"))
	} else {
		o.client, err = t.client(getenv)
	}
	if err != nil {
		return nil, err
	}
	const longest = 24 * 60 * 60 * 1000
	ms := func(name string, standard int) time.Duration {
		return time.Duration(wholeNumber(getenv, name, standard, longest)) * time.Millisecond
	}
	waiting := wholeNumber(getenv, "OTEL_BLRP_MAX_QUEUE_SIZE", maxQueuedLines, mostWaiting)
	o.shipper = newShipper(o, pace{
		waiting:  waiting,
		batch:    min(waiting, wholeNumber(getenv, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 512, mostWaiting)),
		interval: ms("OTEL_BLRP_SCHEDULE_DELAY", 1000),
		limit:    ms("OTEL_BLRP_EXPORT_TIMEOUT", 30000),
	})
	return o, nil
}

// dial does not connect yet. An address that is no URL is one of gRPC's own
// names, which say nothing of TLS.
func (t *logTarget) dial(getenv func(string) string, plain bool) (*grpc.ClientConn, error) {
	address := t.address
	if t.url != nil {
		address, plain = t.url.Host, t.url.Scheme == "http"
	}
	secure := insecure.NewCredentials()
	if !plain {
		config, err := logTLS(getenv)
		if err != nil {
			return nil, err
		}
		secure = credentials.NewTLS(config)
	}
	return grpc.NewClient(address, grpc.WithTransportCredentials(secure), grpc.WithUserAgent("orchestrall"))
}

// recordSize is about what a record takes in memory besides its texts.
const recordSize = 600

// take implements sink.
func (o *otlpLogs) take(l *line) error {
	if o.off.Load() {
		return nil
	}
	r := &logs.LogRecord{
		ObservedTimeUnixNano: uint64(time.Now().UnixNano()),
		SeverityNumber:       severity(l.level), SeverityText: l.level.String(),
		Body:       stringValue(recordText(l.message)),
		Attributes: keyValues(o.attributes(l)),
	}
	if !l.at.IsZero() {
		r.TimeUnixNano = uint64(l.at.UnixNano())
	}
	if in := trace.SpanContextFromContext(l.ctx); in.IsValid() {
		id, span := in.TraceID(), in.SpanID()
		r.TraceId, r.SpanId, r.Flags = id[:], span[:], uint32(in.TraceFlags())
	}
	o.add(entry{size: recordSize + proto.Size(r), record: r})
	return nil
}

// severity is the number that the data model gives to slog's levels.
func severity(l slog.Level) logs.SeverityNumber {
	const info = int(logs.SeverityNumber_SEVERITY_NUMBER_INFO)
	return logs.SeverityNumber(min(max(int(l)+info, 1), int(logs.SeverityNumber_SEVERITY_NUMBER_FATAL4)))
}

// request implements backEnd.
func (o *otlpLogs) request(batch []entry) func(context.Context) answer {
	records := make([]*logs.LogRecord, len(batch))
	for i := range batch {
		records[i] = batch[i].record
	}
	r := &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: o.resource, SchemaUrl: o.schema,
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: orchestrall.ScopeName}, LogRecords: records}},
	}}}
	if o.conn != nil {
		return func(ctx context.Context) answer { return o.call(ctx, r) }
	}
	body, err := proto.Marshal(r)
	if err != nil {
		return func(context.Context) answer { return answer{err: fmt.Errorf("pushing log lines: %w", err)} }
	}
	encoding := ""
	if o.gzip {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write(body) // into memory
		_ = z.Close()
		body, encoding = out.Bytes(), "gzip"
	}
	return func(ctx context.Context) answer {
		a, said, cut := o.target.post(ctx, o.client, body, "application/x-protobuf", encoding)
		if cut != nil { // it may have left lines out
			return answer{again: true, err: fmt.Errorf("pushing log lines to %s: the answer cannot be read: %w", o.target.url.Host, cut)}
		}
		partly := new(collector.ExportLogsServiceResponse)
		if a.err == nil && proto.Unmarshal(said, partly) == nil {
			a.rejected = int(partly.GetPartialSuccess().GetRejectedLogRecords())
		}
		return a
	}
}

// call makes one attempt by gRPC.
func (o *otlpLogs) call(ctx context.Context, r *collector.ExportLogsServiceRequest) answer {
	ctx, cancel := context.WithTimeout(ctx, o.target.timeout)
	defer cancel()
	headers := grpcmeta.New(o.target.headers)
	if o.target.auth != "" && len(headers.Get("Authorization")) == 0 {
		headers.Set("Authorization", o.target.auth)
	}
	var options []grpc.CallOption
	if o.gzip {
		options = append(options, grpc.UseCompressor("gzip"))
	}
	resp, err := collector.NewLogsServiceClient(o.conn).Export(grpcmeta.NewOutgoingContext(ctx, headers), r, options...)
	a := answer{err: err, rejected: int(resp.GetPartialSuccess().GetRejectedLogRecords())}
	if err != nil {
		a.err = fmt.Errorf("pushing log lines to %s: %w", o.conn.Target(), err)
	}
	switch grpcstatus.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss, codes.ResourceExhausted:
		a.again = true
	case codes.Unimplemented:
		a.never = o.target.general
	}
	return a
}

// disconnect implements backEnd.
func (o *otlpLogs) disconnect() {
	if o.conn != nil {
		_ = o.conn.Close() // nothing is on its way
		return
	}
	o.client.CloseIdleConnections()
}

func keyValues(kvs []attribute.KeyValue) []*common.KeyValue {
	all := make([]*common.KeyValue, len(kvs))
	for i, kv := range kvs {
		all[i] = &common.KeyValue{Key: strings.ToValidUTF8(string(kv.Key), "\uFFFD"), Value: anyValue(kv.Value)}
	}
	return all
}

func anyValue(v attribute.Value) *common.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.STRING:
		return stringValue(v.AsString())
	case attribute.STRINGSLICE:
		var list common.ArrayValue
		for _, s := range v.AsStringSlice() {
			list.Values = append(list.Values, stringValue(s))
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &list}}
	default: // lists and maps of other values: their text tells enough
		return stringValue(v.Emit())
	}
}

// stringValue is s as UTF-8: a collector refuses the whole batch for one bad byte.
func stringValue(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(s, "\uFFFD")}}
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
			list = slices.Clone(list)
			for i, s := range list {
				list[i] = recordText(s)
			}
			return append(kvs, attribute.StringSlice(key, list))
		}
		return append(kvs, attribute.String(key, recordText(string(appendAny(nil, v.Any(), 0)))))
	}
	return append(kvs, attribute.String(key, recordText(v.String())))
}

// maxRecordText caps the strings of a record, which wait in memory.
const maxRecordText = 16 << 10

func recordText(s string) string {
	if len(s) > maxRecordText {
		return strings.Clone(wholeRunes(s[:maxRecordText])) + textCut
	}
	return s
}
