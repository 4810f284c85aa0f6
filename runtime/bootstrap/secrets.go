package bootstrap

import (
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// scrubber takes credentials out of what is said about back ends: those of the
// settings wherever they turn up, even in a back end's own answer, and user
// names, passwords and queries of any URL.
type scrubber struct{ secrets *strings.Replacer }

const scrubbed = "[redacted]"

// Settings whose value is a secret in part.
var (
	endpointSettings = []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "JAEGER_ENDPOINT",
	}
	headerSettings = []string{
		"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS",
	}
)

// shortestSecret keeps a value such as "1" from tearing holes into every line.
const shortestSecret = 4

func newScrubber(getenv func(string) string) scrubber {
	var secrets []string
	add := func(secret string) {
		if secret = strings.TrimSpace(secret); len(secret) >= shortestSecret {
			secrets = append(secrets, secret)
		}
	}
	for _, name := range endpointSettings {
		u, err := url.Parse(getenv(name))
		if err != nil {
			continue // its parts are unknown; the line about it does not repeat it
		}
		if u.User != nil {
			add(strings.TrimPrefix(basicAuth(u.User), "Basic "))
			written := u.User.String()
			if password, ok := u.User.Password(); ok {
				add(password)
				_, written, _ = strings.Cut(written, ":")
			} else { // a token in the place of the user
				add(u.User.Username())
			}
			add(written)
		}
		for parameter := range strings.SplitSeq(u.RawQuery, "&") {
			_, written, _ := strings.Cut(parameter, "=")
			add(written)
			if plain, err := url.QueryUnescape(written); err == nil {
				add(plain)
			}
		}
	}
	for _, name := range headerSettings {
		for header := range strings.SplitSeq(getenv(name), ",") {
			_, value, _ := strings.Cut(header, "=")
			add(value)
			if plain, err := url.PathUnescape(value); err == nil && plain != value {
				value = plain
				add(value)
			}
			if _, token, ok := strings.Cut(strings.TrimSpace(value), " "); ok { // Bearer …
				add(token)
			}
		}
	}
	// The longest first: one secret may begin another.
	slices.SortStableFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(secrets))
	for _, secret := range secrets {
		pairs = append(pairs, secret, scrubbed)
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

var (
	urlUser  = regexp.MustCompile(`(://)[^/?#\s"']*@`)
	urlQuery = regexp.MustCompile(`(://[^\s"'?]*\?)[^\s"']+`)
)

func (s scrubber) text(text string) string {
	text = s.secrets.Replace(text)
	text = urlUser.ReplaceAllString(text, "${1}"+scrubbed+"@")
	return urlQuery.ReplaceAllString(text, "${1}"+scrubbed)
}

// reports is where OpenTelemetry's complaints arrive: those of exporters, and
// those that it would print on standard error in a format of its own, with the
// settings that it does not understand in full.
type reports struct {
	scrubber
	next otel.ErrorHandler
}

// earlyErrors keeps what OpenTelemetry complains about before there is a logger.
type earlyErrors struct{ errs []error }

// Handle implements otel.ErrorHandler.
func (e *earlyErrors) Handle(err error) { e.errs = append(e.errs, err) }

func (e *earlyErrors) tell() { otel.Handle(errors.Join(e.errs...)) }

func (r reports) install() {
	otel.SetErrorHandler(r)
	otel.SetLogger(logr.New(r))
}

// Handle implements otel.ErrorHandler.
func (r reports) Handle(err error) {
	if err == nil || strings.HasPrefix(err.Error(), "unsupported sampler: ") { // newSampler tells, and of none there is nothing to tell
		return
	}
	if n, partly := rejectedSpans(err); partly {
		leftSpans.Add(int64(n))
	}
	r.next.Handle(errors.New(r.text(err.Error())))
}

// Init implements logr.LogSink.
func (reports) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink: only errors are wanted, and they do not ask.
func (reports) Enabled(int) bool { return false }

// Info implements logr.LogSink.
func (reports) Info(int, string, ...any) {}

// Error implements logr.LogSink. The values are left out: they are what could
// not be understood, and may be a password.
func (r reports) Error(err error, message string, _ ...any) {
	args := []any{"problem", r.text(message)}
	var parse *url.Error
	switch {
	case errors.As(err, &parse): // which repeats the whole URL
		args = append(args, "error", r.text(parse.Err.Error()))
	case err != nil:
		args = append(args, "error", r.text(err.Error()))
	}
	slog.Warn("telemetry error", args...)
}

// WithValues implements logr.LogSink.
func (r reports) WithValues(...any) logr.LogSink { return r }

// WithName implements logr.LogSink.
func (r reports) WithName(string) logr.LogSink { return r }
