package orchestrall

import "log/slog"

// Unwrap returns the handler that [NewHandler] was given, with what WithAttrs
// has added. A handler with open groups is returned itself: only it knows of
// them.
func (h *Handler) Unwrap() slog.Handler {
	if len(h.groups) > 0 {
		return h
	}
	return h.inner
}
