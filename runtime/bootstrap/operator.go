package bootstrap

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// operatorOnly lets requests through that come from this machine and from no
// web page: stacks are nobody else's business. It does not rely on the address
// that is listened on, which may be a public one for the sake of /metrics.
func operatorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := refusal(r); why != "" {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func refusal(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !from.Addr().Unmap().IsLoopback():
		return "only for requests from the machine that the program runs on"
	case r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "":
		return "only for requests that no proxy forwards"
	case !local(r.Host): // a name that was made to resolve to this machine
		return "only under localhost or a loopback address"
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return "only for requests of the same origin"
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return "only for requests of the same origin"
		}
	}
	return ""
}

func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// activeCall is how /-/active shows a running call.
type activeCall struct {
	Operation string  `json:"operation"`
	Kind      string  `json:"kind"`
	TraceID   string  `json:"traceId,omitempty"`
	SpanID    string  `json:"spanId,omitempty"`
	AgeMS     float64 `json:"age_ms"`
	Stuck     bool    `json:"stuck"`
	Stack     string  `json:"stack,omitempty"`
}

const defaultActive = 20

// active answers GET /-/active?limit=N&stack=off with the oldest running calls.
func active() http.Handler {
	var one sync.Mutex // the program stands still for a moment each time
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, ok := number(r.URL.Query().Get("limit"))
		if !ok || limit < 0 {
			limit = defaultActive
		}
		one.Lock()
		calls, total := orchestrall.RunningCalls(limit, r.URL.Query().Get("stack") != "off")
		one.Unlock()
		answer := struct {
			Running int          `json:"running"`
			Calls   []activeCall `json:"calls"`
		}{Running: total, Calls: []activeCall{}}
		for _, c := range calls {
			answer.Calls = append(answer.Calls, activeCall{
				c.Operation, string(c.Kind), c.TraceID, c.SpanID, float64(c.Age.Microseconds()) / 1000, c.Stuck, c.Stack,
			})
		}
		writeJSON(w, answer)
	})
}

func writeJSON(w http.ResponseWriter, answer any) {
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	_, _ = w.Write(append(text, '\n'))
}
