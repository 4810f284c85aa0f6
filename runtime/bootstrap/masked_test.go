package bootstrap

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// secretLogger logs what programs log by mistake.
func secretLogger(h slog.Handler) http.Header {
	header := http.Header{"Authorization": {"hunter22"}, "Accept": {"text/html"}}
	l := slog.New(h)
	l.Info("direct", "password", "hunter22", "apiKey", []byte("hunter22"), "token_count", 12, "tokens", "many")
	l.Info("grouped", slog.Group("login", "user", "ana", "Token", "hunter22"), slog.Group("secret", "part", "hunter22"))
	l.With("client_secret", "hunter22").WithGroup("g").With("x-token", "hunter22").Info("with", "cookie", "hunter22")
	l.Info("map", "header", header, "body", map[string]any{"password": "hunter22", "size": 3}, "form", map[string]string{"passwd": "hunter22"})
	l.Info("any", "credential", struct{ Value string }{"hunter22"})
	return header
}

func TestSecretsOfTheProgramAreMasked(t *testing.T) {
	t.Run("json", func(t *testing.T) {
		var b bytes.Buffer
		header := secretLogger(orchestrall.NewHandler(jsonTo(&b).WithService("shop")))
		want := []string{
			`{"password":"[redacted]","apiKey":"[redacted]","token_count":12,"tokens":"many"}`,
			`{"login":{"user":"ana","Token":"[redacted]"},"secret":"[redacted]"}`,
			`{"client_secret":"[redacted]","g":{"x-token":"[redacted]","cookie":"[redacted]"}}`,
			`{"header":{"Accept":["text/html"],"Authorization":["[redacted]"]},"body":{"password":"[redacted]","size":3},"form":{"passwd":"[redacted]"}}`,
			`{"credential":"[redacted]"}`,
		}
		for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
			if _, got, _ := strings.Cut(line, `"metadata":`); got != want[i]+"}" {
				t.Errorf("line %d has %s, want %s", i, got, want[i])
			}
		}
		if header.Get("Authorization") != "hunter22" {
			t.Error("the program's own header was changed")
		}
	})
	t.Run("text", func(t *testing.T) {
		var b bytes.Buffer
		secretLogger(orchestrall.NewHandler(newTextHandler(&b, slog.LevelInfo, false)))
		if got := b.String(); strings.Contains(got, "hunter22") || strings.Count(got, "[redacted]") != 11 ||
			!strings.Contains(got, "token_count=12 tokens=many") || !strings.Contains(got, "login.user=ana") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("record", func(t *testing.T) {
		kvs := appendRecord(nil, "metadata.login", slog.GroupValue(slog.String("Token", "hunter22"), slog.Int("token_count", 12)), 0)
		kvs = appendRecord(kvs, "metadata.secret", slog.GroupValue(slog.String("part", "hunter22")), 0)
		kvs = appendRecord(kvs, "metadata.header", slog.AnyValue(http.Header{"Cookie": {"hunter22"}}), 0)
		want := `metadata.login.Token=[redacted] metadata.login.token_count=12 metadata.secret=[redacted] metadata.header={"Cookie":["[redacted]"]} `
		got := ""
		for _, kv := range kvs {
			got += string(kv.Key) + "=" + kv.Value.Emit() + " "
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
