package bootstrap

import (
	"log/slog"
	"maps"
	"net/http"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// masks reports whether a value stays off the lines because of its key. What is
// no text, list or group opens nothing: token_count=12 may be read.
func masks(key string, v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString, slog.KindAny, slog.KindGroup, slog.KindLogValuer:
		return orchestrall.Sensitive(key)
	}
	return false
}

// withoutSecrets is x, or a copy with stand-ins where x is one of the maps that
// programs log whole, such as the headers of a request.
func withoutSecrets(x any) any {
	switch x := x.(type) {
	case http.Header:
		return masked(x, []string{scrubbed})
	case map[string][]string:
		return masked(x, []string{scrubbed})
	case map[string]string:
		return masked(x, scrubbed)
	case map[string]any:
		return masked(x, any(scrubbed))
	}
	return x
}

func masked[M ~map[string]V, V any](m M, standIn V) M {
	copied := false
	for key := range m {
		if !orchestrall.Sensitive(key) {
			continue
		}
		if !copied {
			m, copied = maps.Clone(m), true
		}
		m[key] = standIn
	}
	return m
}
