// Package api is the HTTP interface of the platform: REST, a WebSocket with the
// events of executions, and MCP.
package api

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"example.com/platform/agent"
	"example.com/platform/customers"
	"example.com/platform/mcpapi"
	"example.com/platform/workflow"
)

var (
	errUnauthorized = errors.New("missing or unknown X-API-Key")
	errBadRequest   = errors.New("bad request")
)

// maxBody is the largest request body that is read, in bytes.
const maxBody = 1 << 20

type server struct {
	agents *agent.AgentService
	apiKey string
}

// New returns the handler of the whole interface. Requests must carry apiKey.
func New(agents *agent.AgentService, apiKey string) http.Handler {
	s := &server{agents, apiKey}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /api/v2/events", s.authorised(http.HandlerFunc(s.events)))
	mux.Handle("/mcp", s.authorised(mcpapi.New(agents)))
	for pattern, serve := range map[string]endpoint{
		"POST /api/v2/agents/execute": s.execute,
		"POST /api/v2/agents/stream":  s.stream,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Request-ID") == "" {
				r.Header.Set("X-Request-ID", "req_"+rand.Text()[:12])
			}
			w.Header().Set("X-Request-ID", r.Header.Get("X-Request-ID"))
			s.handle(w, r, serve)
		})
	}
	return mux
}

// An endpoint serves one kind of request. What it returns is told to the
// client unless it has answered already, which a [sentError] says.
type endpoint func(http.ResponseWriter, *http.Request) error

type sentError struct{ error }

func (e sentError) Unwrap() error { return e.error }

// handle lets callers with a key through to next and tells the others, and
// those whose request fails, why.
//
//orchestrall:trace label.route=r.Pattern slo=99.5@1s
//orchestrall:ctx requestId=r.Header.Get("X-Request-ID")
//orchestrall:attr http.request.method=r.Method
//orchestrall:attr url.path=r.URL.Path
//orchestrall:attr http.response.status_code=status
//orchestrall:attr client.key=r.Header.Get("X-API-Key")|hash
func (s *server) handle(w http.ResponseWriter, r *http.Request, next endpoint) (status int, err error) {
	if !s.knows(r.Header.Get("X-API-Key")) {
		slog.WarnContext(r.Context(), "request refused", "remote", r.RemoteAddr)
		err = errUnauthorized
	} else {
		err = next(w, r)
	}
	status = statusOf(err)
	if sent := new(sentError); err != nil && !errors.As(err, sent) {
		writeJSON(w, status, map[string]string{
			"error":     err.Error(),
			"requestId": r.Header.Get("X-Request-ID"),
		})
	}
	if status < http.StatusInternalServerError {
		err = nil // the client's mistake, told to the client
	}
	return status, err
}

// authorised lets callers with a key through to next.
func (s *server) authorised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knows(r.Header.Get("X-API-Key")) {
			slog.WarnContext(r.Context(), "request refused", "remote", r.RemoteAddr)
			http.Error(w, errUnauthorized.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) knows(key string) bool {
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.apiKey)) == 1
}

func (s *server) execute(w http.ResponseWriter, r *http.Request) error {
	in, err := decode(w, r)
	if err != nil {
		return err
	}
	result, err := s.agents.Execute(r.Context(), in)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"executionId": result.ExecutionID,
		"agentType":   in.AgentType,
		"output":      result.Output,
		"tools":       result.Tools,
		"tokens":      result.Tokens,
	})
	return nil
}

// stream answers with one JSON value a line, each sent as soon as it is known.
func (s *server) stream(w http.ResponseWriter, r *http.Request) error {
	in, err := decode(w, r)
	if err != nil {
		return err
	}
	out, control := json.NewEncoder(w), http.NewResponseController(w)
	begun := false
	for event, err := range s.agents.Stream(r.Context(), in) {
		if err != nil && !begun {
			return err
		}
		if err != nil {
			out.Encode(map[string]string{"type": "error", "text": err.Error()})
			return sentError{err}
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if err := errors.Join(out.Encode(event), control.Flush()); err != nil {
			return sentError{fmt.Errorf("send event: %w", err)}
		}
	}
	return nil
}

func decode(w http.ResponseWriter, r *http.Request) (agent.Input, error) {
	var body struct {
		AgentType string `json:"agentType"`
		Input     string `json:"input"`
		Context   struct {
			UserID string `json:"userId"`
		} `json:"context"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		return agent.Input{}, fmt.Errorf("%w: %w", errBadRequest, err)
	}
	if body.AgentType == "" || body.Input == "" {
		return agent.Input{}, fmt.Errorf("%w: agentType and input are required", errBadRequest)
	}
	return agent.Input{AgentType: body.AgentType, Text: body.Input, UserID: body.Context.UserID}, nil
}

func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, errUnauthorized):
		return http.StatusUnauthorized
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errBadRequest), errors.Is(err, agent.ErrUnknownType), errors.Is(err, workflow.ErrNoCustomer):
		return http.StatusBadRequest
	case errors.Is(err, customers.ErrNotFound):
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

// writeJSON sends v. A client that is gone can't be told so, hence no error.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
