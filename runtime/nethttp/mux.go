package nethttp

import (
	"errors"
	"net/http"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"weak"
)

// ServeMuxHandle is m.Handle with [Routed] around the handler.
func ServeMuxHandle(m *http.ServeMux, pattern string, handler http.Handler) {
	register(m, pattern, caller(), func() { m.Handle(pattern, Routed(handler)) })
}

// ServeMuxHandleFunc is m.HandleFunc with [Routed] around the handler.
func ServeMuxHandleFunc(m *http.ServeMux, pattern string, handler func(http.ResponseWriter, *http.Request)) {
	register(m, pattern, caller(), func() { m.HandleFunc(pattern, RoutedFunc(handler)) })
}

// Handle is http.Handle with [Routed] around the handler.
func Handle(pattern string, handler http.Handler) {
	register(http.DefaultServeMux, pattern, caller(), func() { http.Handle(pattern, Routed(handler)) })
}

// HandleFunc is http.HandleFunc with [Routed] around the handler.
func HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	register(http.DefaultServeMux, pattern, caller(), func() { http.HandleFunc(pattern, RoutedFunc(handler)) })
}

// InterfaceHandle is m.Handle: [ServeMuxHandle] where m holds a *http.ServeMux.
func InterfaceHandle(m interface {
	Handle(pattern string, handler http.Handler)
}, pattern string, handler http.Handler,
) {
	if own, ok := m.(*http.ServeMux); ok {
		register(own, pattern, caller(), func() { own.Handle(pattern, Routed(handler)) })
		return
	}
	m.Handle(pattern, handler)
}

// InterfaceHandleFunc is m.HandleFunc: [ServeMuxHandleFunc] where m holds a
// *http.ServeMux.
func InterfaceHandleFunc(m interface {
	HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request))
}, pattern string, handler func(http.ResponseWriter, *http.Request),
) {
	if own, ok := m.(*http.ServeMux); ok {
		register(own, pattern, caller(), func() { own.HandleFunc(pattern, RoutedFunc(handler)) })
		return
	}
	m.HandleFunc(pattern, handler)
}

// register has the pattern of m belong to the program's own line at.
func register(m *http.ServeMux, pattern, at string, add func()) {
	defer relocate(m, pattern, at)
	add()
	places.add(m, pattern, at)
}

// Routed returns h such that the ServeMux pattern by which it was chosen, or the
// one by which it chooses, is known to the request's span although what stands
// between the server and h has copied the request, as every middleware does that
// puts something into its context.
func Routed(h http.Handler) http.Handler {
	if h == nil {
		return nil // for net/http to refuse
	}
	if f, ok := h.(http.HandlerFunc); ok && f == nil {
		return h
	}
	return routed{h}
}

// RoutedFunc is [Routed] for what http.HandleFunc takes.
func RoutedFunc(f func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	if f == nil {
		return nil
	}
	return routed{http.HandlerFunc(f)}.ServeHTTP
}

type routed struct{ next http.Handler }

// ServeHTTP implements http.Handler.
func (h routed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := exchangeOf(r.Context())
	if e == nil || e.inner == r {
		h.next.ServeHTTP(w, r)
		return
	}
	defer func() { e.report(routeOf(r.Pattern)) }()
	h.next.ServeHTTP(w, r)
}

// below is the route of a request that passes two muxes: "/api/" and "/users/{id}"
// are "/api/users/{id}", since something between them strips the prefix, unless
// the inner pattern has it.
func below(outer, inner string) string {
	switch {
	case outer == "":
		return inner
	case inner == "", !strings.HasSuffix(outer, "/"):
		return outer
	case strings.HasPrefix(inner, outer):
		return inner
	}
	return strings.TrimSuffix(outer, "/") + inner
}

// A ServeMux notes where a pattern was registered and says so where two are in
// conflict. It takes the place from its caller, which is this file then, so the
// text gets the program's own places again.
var places registrations

type registrations struct {
	mu    sync.Mutex
	byMux map[weak.Pointer[http.ServeMux]]map[string]string // pattern to place
}

func (p *registrations) add(m *http.ServeMux, pattern, at string) {
	key := weak.Make(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	patterns := p.byMux[key]
	if patterns == nil {
		if p.byMux == nil {
			p.byMux = make(map[weak.Pointer[http.ServeMux]]map[string]string)
		}
		patterns = make(map[string]string)
		p.byMux[key] = patterns
		runtime.AddCleanup(m, p.forget, key)
	}
	patterns[pattern] = at
}

func (p *registrations) forget(key weak.Pointer[http.ServeMux]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byMux, key)
}

func (p *registrations) place(m *http.ServeMux, pattern string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byMux[weak.Make(m)][pattern]
}

// caller is the place from which the function that asks was called.
func caller() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "unknown location"
	}
	return file + ":" + strconv.Itoa(line)
}

var registeredAt = regexp.MustCompile(`pattern ("(?:[^"\\]|\\.)*") \(registered at ([^)]*)\)`)

// relocate lets a panic of a registration go on, with the program's places.
func relocate(m *http.ServeMux, pattern, at string) {
	r := recover()
	if r == nil {
		return
	}
	err, ok := r.(error)
	if !ok || errors.Unwrap(err) != nil {
		panic(r)
	}
	own := false
	first := true
	text := registeredAt.ReplaceAllStringFunc(err.Error(), func(found string) string {
		part := registeredAt.FindStringSubmatch(found)
		newest := first
		first = false
		name, bad := strconv.Unquote(part[1])
		if file, _, _ := strings.Cut(path.Base(part[2]), ":"); bad != nil || file != "mux.go" {
			return found
		}
		place := at
		if !newest || name != pattern {
			place = places.place(m, name)
		}
		if place == "" {
			return found
		}
		own = true
		return "pattern " + part[1] + " (registered at " + place + ")"
	})
	if !own {
		panic(r)
	}
	panic(errors.New(text))
}
