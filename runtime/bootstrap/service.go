package bootstrap

import (
	"log/slog"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// serviceHandler writes the program's name on every line, or that of the part
// of it that orchestrall.NewLogger was asked for.
type serviceHandler struct {
	slog.Handler
	bare slog.Handler // without the name
}

func newServiceHandler(bare slog.Handler, service string) serviceHandler {
	return serviceHandler{bare.WithAttrs([]slog.Attr{slog.String(orchestrall.ServiceKey, service)}), bare}
}

// WithService implements orchestrall.ServiceHandler.
func (h serviceHandler) WithService(name string) slog.Handler {
	return newServiceHandler(h.bare, name)
}
