package bootstrap

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// operatorHeader must stand on every request that changes something: a web page
// can't send it to another origin without being allowed to, and nobody allows it.
const operatorHeader = "X-Orchestrall"

// listedOperation is how /-/operations shows an operation.
type listedOperation struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Function string  `json:"function,omitempty"`
	File     string  `json:"file,omitempty"`
	Line     int     `json:"line,omitempty"`
	State    string  `json:"state"`
	Log      string  `json:"log"`
	Sample   string  `json:"sample"`
	Calls    *uint64 `json:"calls,omitempty"`
	Failed   *uint64 `json:"failed,omitempty"`
	InFlight *int64  `json:"inFlight,omitempty"`
	Slow     string  `json:"slow,omitempty"`
	Hang     string  `json:"hang,omitempty"`
}

// listOperations answers GET /-/operations?name=PATTERN.
func listOperations(w http.ResponseWriter, r *http.Request) {
	pattern := r.URL.Query().Get("name")
	list := []listedOperation{}
	for _, s := range orchestrall.OperationStatuses() {
		if pattern == "" || orchestrall.Matches(pattern, s.Spec) {
			list = append(list, listed(s))
		}
	}
	writeJSON(w, struct {
		Operations []listedOperation `json:"operations"`
	}{list})
}

func listed(s orchestrall.OperationStatus) listedOperation {
	l := listedOperation{
		Name: s.Spec.Name, Kind: string(s.Spec.Kind), Function: s.Spec.Function, File: s.Spec.File, Line: s.Spec.Line,
		State: "on", Log: effective(s.Setting.Log, s.Spec.Log), Sample: effective(s.Setting.Sample, s.Spec.Sample),
	}
	if l.Kind == "" {
		l.Kind = string(orchestrall.Internal)
	}
	if s.Off() {
		l.State = "off"
	}
	if s.Counted {
		l.Calls, l.Failed = &s.Calls, &s.Failed
	}
	if s.InFlight >= 0 {
		l.InFlight = &s.InFlight
	}
	if s.Spec.Slow > 0 {
		l.Slow = s.Spec.Slow.String()
	}
	if s.Spec.Hang > 0 {
		l.Hang = s.Spec.Hang.String()
	}
	return l
}

// effective is what counts now: what an operator has set, or what the
// directive says.
func effective(set, directive string) string {
	for _, v := range []string{set, directive} {
		if v != "" && v != "default" {
			return v
		}
	}
	return "default"
}

// switchOperations answers POST /-/operations?name=PATTERN&state=off.
func switchOperations(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(operatorHeader) == "" {
		http.Error(w, "the header "+operatorHeader+" is missing; send "+operatorHeader+": operator", http.StatusForbidden)
		return
	}
	pattern, setting, problem := readSetting(r.URL.Query())
	if problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	n, err := orchestrall.Configure(pattern, setting)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case n == 0:
		http.Error(w, "no operation matches; GET this address lists them", http.StatusNotFound)
		return
	}
	slog.Warn("operations were changed by an operator", "name", pattern, "operations", n,
		"state", setting.State, "log", setting.Log, "sample", setting.Sample)
	listOperations(w, r)
}

func readSetting(q url.Values) (pattern string, s orchestrall.Setting, problem string) {
	for key, values := range q {
		if !slices.Contains([]string{"name", "state", "log", "sample"}, key) || len(values) > 1 {
			return "", s, "unknown or repeated parameter " + key + "; use name, and state, log or sample"
		}
	}
	if pattern = q.Get("name"); pattern == "" {
		return "", s, "name is missing; give an operation, or a pattern with *"
	}
	lower := func(key string) string { return strings.ToLower(q.Get(key)) }
	return pattern, orchestrall.Setting{State: lower("state"), Log: lower("log"), Sample: q.Get("sample")}, ""
}
