package bootstrap

import "log/slog"

// serviceHandler writes the program's name on every line, or that of the part
// of it that orchestrall.NewLogger was asked for.
type serviceHandler struct {
	*lineHandler
	bare slog.Handler // without the name
}

// WithService implements orchestrall.ServiceHandler.
func (h serviceHandler) WithService(name string) slog.Handler {
	return serviceHandler{newLineHandler(h.bare, name, h.shared), h.bare}
}
