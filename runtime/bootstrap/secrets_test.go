package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestScrubber(t *testing.T) {
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://ana:hunter22@collector.example/v1?key=abcdef",
		"OTEL_EXPORTER_OTLP_HEADERS":  "authorization=Bearer%20tok-12345,x-team=blue, api-key = k-67890",
	}
	s := newScrubber(func(key string) string { return env[key] })
	for in, want := range map[string]string{
		`Post "https://ana:hunter22@collector.example/v1?key=abcdef": EOF`: `Post "https://[redacted]@collector.example/v1?[redacted]": EOF`,
		`token tok-12345 is not known`:                                     `token [redacted] is not known`,
		`k-67890 and Bearer tok-12345 and blue`:                            `[redacted] and [redacted] and [redacted]`,
		`http://other:pass@host/x?sig=1 and more`:                          `http://[redacted]@host/x?[redacted] and more`,
		`dial tcp 127.0.0.1:4318: refused`:                                 `dial tcp 127.0.0.1:4318: refused`,
		`mail ana@example.com about x?y`:                                   `mail ana@example.com about x?y`,
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// A back end may well repeat what it was sent: in another spelling than that of
// the setting, or one secret that begins another.
func TestScrubberKnowsHowSecretsTravel(t *testing.T) {
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT":   "https://ana:hunter%2F22@logs.example/loki/api/v1/push?key=ab%40cdef",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://tok-in-user@traces.example",
		"OTEL_EXPORTER_OTLP_HEADERS":         "x-one=secret,x-two=secret-and-more",
	}
	s := newScrubber(func(key string) string { return env[key] })
	for in, want := range map[string]string{
		"Basic YW5hOmh1bnRlci8yMg== is not known": "Basic [redacted] is not known",
		"hunter/22 and hunter%2F22":               "[redacted] and [redacted]",
		"/push?key=ab%40cdef and ab@cdef":         "/push?key=[redacted] and [redacted]",
		"tok-in-user":                             "[redacted]",
		"Basic dG9rLWluLXVzZXI6":                  "Basic [redacted]",
		"secret-and-more, secret":                 "[redacted], [redacted]",
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// Log lines go with the user and the password of their address, and a back end
// that refuses them may answer with all that it got.
func TestEchoedCredentialsOfLogExport(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "refused: "+r.Header.Get("Authorization")+" at "+r.URL.String(), http.StatusUnauthorized)
	}))
	defer refusing.Close()
	address := "http://ana:hunter22@" + strings.TrimPrefix(refusing.URL, "http://")
	for name, path := range map[string]string{"otlp": "/v1/logs?key=hunter22", "loki": "/loki/api/v1/push?key=hunter22"} {
		t.Run(name, func(t *testing.T) {
			out, stop := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", address+path)
			slog.Info("hello")
			stop()
			if got := out.String(); strings.Contains(got, "hunter22") || strings.Contains(got, "YW5hOmh1bnRlcjIy") {
				t.Errorf("credentials were logged:\n%s", got)
			}
			if got := out.String(); !strings.Contains(got, "refused: Basic [redacted] at") {
				t.Errorf("nothing says why no line was exported:\n%s", got)
			}
		})
	}
}

// Who reads the lines of a program that has just died has no metrics any more.
func TestFailedFlushIsSaid(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "who are you", http.StatusUnauthorized)
	}))
	defer refusing.Close()
	for name, setting := range map[string]string{"spans": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "lines": "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"} {
		t.Run(name, func(t *testing.T) {
			out, _ := begin(t, setting, refusing.URL)
			_, span := otel.Tracer("test").Start(t.Context(), "work")
			slog.Info("hello")
			span.End()
			func() {
				defer func() { _ = recover() }()
				_, _ = orchestrall.Trace(t.Context(), "Crash", func(context.Context) (int, error) { panic("no") })
			}()
			if got := strings.Count(out.String(), "who are you"); got != 1 {
				t.Errorf("the answer was said %d times, want once:\n%s", got, out)
			}
		})
	}
}

// Whatever is wrong with an address or a header, it is said in one line of the
// program's own format, and without the secret in it.
func TestSecretsOfSettingsAreNotLogged(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the token "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+" is not known", http.StatusForbidden)
	}))
	defer refusing.Close()
	address := strings.TrimPrefix(refusing.URL, "http://")
	for name, test := range map[string]struct {
		env []string
		say string
	}{
		"no scheme":     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "ana:hunter22@collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"},
		"no host":       {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://ana:hunter22@"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not a URL"},
		"no URL at all": {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://ana:hunter22@[::1"}, "is not a URL"},
		"address only": {[]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4317?hunter22", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
		}, "http://localhost:4317"},
		"user":      {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://ana:hunter22@" + address}, "OTEL_EXPORTER_OTLP_HEADERS instead"},
		"header":    {[]string{"OTEL_EXPORTER_OTLP_HEADERS", "hunter22", "OTEL_EXPORTER", "otlp"}, "parse headers"},
		"echo":      {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", refusing.URL, "OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter22"}, "[redacted] is not known"},
		"attribute": {[]string{"OTEL_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_CERTIFICATE", "/does/not/exist"}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			out, stop := begin(t, append(test.env, "OTEL_BSP_EXPORT_TIMEOUT", "500", "OTEL_LOGS_EXPORTER", "none")...)
			_, span := otel.Tracer("test").Start(t.Context(), "work")
			span.End()
			stop()
			if strings.Contains(out.String(), "hunter22") {
				t.Errorf("the password was logged:\n%s", out)
			}
			said := 0
			for _, line := range out.lines(t) {
				if text := strings.Join([]string{str(line["message"]), str(line["error"]), str(metadata(line)["problem"])}, " "); strings.Contains(text, test.say) {
					said++
				}
			}
			if said != 1 {
				t.Errorf("%q was said %d times, want once:\n%s", test.say, said, out)
			}
		})
	}
}

func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return str(v["message"])
	}
	return ""
}

func TestReportsOfNothing(t *testing.T) {
	out, _ := begin(t)
	otel.Handle(nil)
	otel.Handle(errors.New("http://a:b@host is down"))
	if got := out.String(); strings.Contains(got, "a:b") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s, want one line without the password", got)
	}
}
