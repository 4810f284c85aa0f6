package nethttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func TestHandlerThatIsCalledWithoutARequest(t *testing.T) {
	called := false
	h := nethttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	if h.ServeHTTP(httptest.NewRecorder(), nil); !called {
		t.Error("it has not been called")
	}
}

func TestServerSpan(t *testing.T) {
	r := spans(t)
	durations := func() int {
		return count(t, "http_request_duration_seconds", "operation=http.server", "status=success", "method=GET", "route=/users/{id}")
	}
	requests := func() int {
		return count(t, "http_requests_total", "method=GET", "route=/users/{id}", "code=200")
	}
	n, m := durations(), requests()
	s := serve(t, mux("GET /users/{id}", ok))
	get(t, s.Client(), s.URL+"/users/7?token=x", "User-Agent", "test/1", "X-Forwarded-For", "192.0.2.7, 10.0.0.1")
	span := ended(t, r, 1)[0]
	if span.Name() != "GET /users/{id}" || span.SpanKind() != trace.SpanKindServer {
		t.Errorf("%s %q", span.SpanKind(), span.Name())
	}
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	wantAttrs(t, span,
		"http.request.method", "GET", "http.route", "/users/{id}", "http.response.status_code", "200",
		"url.path", "/users/7", "url.scheme", "http", "url.query", "(absent)", "server.address", host, "server.port", port,
		"client.address", "192.0.2.7", "network.peer.address", "127.0.0.1", "network.protocol.version", "1.1",
		"user_agent.original", "test/1", "http.request.method_original", "(absent)", "error.type", "(absent)")
	if span.Status().Code != codes.Unset {
		t.Errorf("status %v", span.Status())
	}
	if durations() != n+1 || requests() != m+1 {
		t.Errorf("%d durations and %d requests more", durations()-n, requests()-m)
	}
}

func TestRoutes(t *testing.T) {
	copying := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, 1)))
		})
	}
	inner := http.NewServeMux()
	inner.HandleFunc("/b/{c}", ok)
	outer := http.NewServeMux()
	outer.Handle("/a/", http.StripPrefix("/a", inner))
	reported := http.NewServeMux()
	nethttp.ServeMuxHandle(reported, "/r/{x}", http.HandlerFunc(ok))
	nethttp.ServeMuxHandleFunc(reported, "/f/{x}", ok)
	stripped := http.NewServeMux()
	nethttp.ServeMuxHandle(stripped, "/api/", copying(http.StripPrefix("/api", reported)))
	whole := http.NewServeMux()
	nethttp.ServeMuxHandle(whole, "/", copying(reported))
	within := func(pattern string, h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle(pattern, h)
		return m
	}
	before := http.DefaultServeMux
	t.Cleanup(func() { http.DefaultServeMux = before })
	http.DefaultServeMux = http.NewServeMux()
	nethttp.Handle("/dh/{x}", http.HandlerFunc(ok))
	nethttp.HandleFunc("/df/{x}", ok)
	spoken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { nethttp.SetRoute(r.Context(), "/spoken/:id") })

	for _, c := range []struct {
		name, path, want string
		h                http.Handler
	}{
		{"host and method", "/x", "GET /x", mux("GET 127.0.0.1/x", ok)},
		{"no pattern", "/none", "GET", mux("/x", ok)},
		{"everything", "/any", "GET /", mux("/", ok)},
		{"nested", "/a/b/c", "GET /a/", outer},
		{"behind a copy", "/r/1", "GET /r/{x}", copying(reported)},
		{"function behind a copy", "/f/1", "GET /f/{x}", copying(reported)},
		{"stripped prefix", "/api/r/1", "GET /api/r/{x}", stripped},
		{"stripped prefix behind a copy", "/api/f/1", "GET /api/f/{x}", copying(stripped)},
		{"mux in a mux", "/f/1", "GET /f/{x}", whole},
		{"default mux", "/dh/1", "GET /dh/{x}", copying(http.DefaultServeMux)},
		{"function of the default mux", "/df/1", "GET /df/{x}", nil},
		{"timeout", "/x", "GET /x", nethttp.TimeoutHandler(mux("/x", ok), time.Minute, "")},
		{"limit", "/x", "GET /x", nethttp.MaxBytesHandler(mux("/x", ok), 1000)},
		{"router", "/spoken/1", "GET /spoken/:id", spoken},
		{"redirect", "/dir", "GET /dir/", mux("/dir/", ok)},
		{"another method", "/x", "GET", mux("POST /x", ok)},
		{"no pattern of a mux in a mux", "/in/none", "GET", within("/in/", mux("/in/x", ok))},
		{"no pattern behind a prefix", "/api/none", "GET /api/", stripped},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := spans(t)
			s := serve(t, c.h)
			client := s.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			get(t, client, s.URL+c.path)
			if span := ended(t, r, 1)[0]; span.Name() != c.want {
				t.Errorf("the span is %q, want %q", span.Name(), c.want)
			}
		})
	}
	nethttp.SetRoute(context.Background(), "/nowhere") // must do no harm
}

func TestPropagationIn(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sc := trace.SpanContextFromContext(r.Context())
		b := baggage.FromContext(r.Context()).Member("user").Value()
		io.WriteString(w, sc.TraceID().String()+" "+sc.TraceState().Get("vendor")+" "+b)
	}))
	for _, c := range []struct {
		name      string
		headers   []string
		continues bool
		spans     int
		answer    string // with the sent trace id
	}{
		{"sampled", []string{"Traceparent", sampled}, true, 1, " "},
		{"unsampled", []string{"Traceparent", unsampled}, true, 0, " "},
		{"state", []string{"Traceparent", sampled, "Tracestate", "vendor=1"}, true, 1, "1 "},
		{"bad state", []string{"Traceparent", sampled, "Tracestate", strings.Repeat("=,", 40)}, true, 1, " "},
		{"baggage", []string{"Traceparent", sampled, "Baggage", "user=bob"}, true, 1, " bob"},
		{"baggage alone", []string{"Baggage", "user=bob"}, false, 1, " bob"},
		{"newer version", []string{"Traceparent", "01-" + traceID + "-" + spanID + "-01-more"}, true, 1, " "},
		{"random flag", []string{"Traceparent", "00-" + traceID + "-" + spanID + "-03"}, true, 1, " "},
		{"zero trace", []string{"Traceparent", "00-" + strings.Repeat("0", 32) + "-" + spanID + "-01"}, false, 1, " "},
		{"zero span", []string{"Traceparent", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, false, 1, " "},
		{"upper case", []string{"Traceparent", strings.ToUpper(sampled)}, false, 1, " "},
		{"short", []string{"Traceparent", "00-"}, false, 1, " "},
		{"empty", []string{"Traceparent", ""}, false, 1, " "},
		{"huge", []string{"Traceparent", huge, "Tracestate", huge, "Baggage", huge}, false, 1, " "},
		{"bytes", []string{"Traceparent", "00-\xff\xfe" + sampled[5:]}, false, 1, " "},
		{"version ff", []string{"Traceparent", "ff" + sampled[2:]}, false, 1, " "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := spans(t)
			resp, body := get(t, s.Client(), s.URL, c.headers...)
			if resp.StatusCode != 200 {
				t.Fatalf("answered %s", resp.Status)
			}
			got, rest, _ := strings.Cut(body, " ")
			if (got == traceID) != c.continues || rest != strings.TrimPrefix(c.answer, "") {
				t.Errorf("the handler saw %q", body)
			}
			if c.spans == 0 {
				if len(r.Started()) > 0 {
					t.Error("a span below an unsampled parent")
				}
				return
			}
			span := ended(t, r, 1)[0]
			if continues := span.Parent().TraceID().String() == traceID && span.Parent().IsRemote(); continues != c.continues {
				t.Errorf("the parent is %v", span.Parent())
			}
		})
	}
}

// A propagator that nobody knows may read other headers than it says that it writes.
func TestOtherPropagators(t *testing.T) {
	before := otel.GetTextMapPropagator()
	t.Cleanup(func() { otel.SetTextMapPropagator(before) })
	for _, c := range []struct {
		propagation.TextMapPropagator
		reads bool
	}{
		{rude{}, false},
		{single{}, true},
		{propagation.Baggage{}, false},
		{reader{}, true},
		{propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, reader{}), true},
	} {
		otel.SetTextMapPropagator(c.TextMapPropagator)
		r := spans(t)
		s := serve(t, http.HandlerFunc(ok))
		get(t, nethttpClient(s), s.URL, "X-Trace", "1")
		list := ended(t, r, 2)
		if got := list[0].Parent().TraceID() == (trace.TraceID{9}); got != c.reads {
			t.Errorf("%T: the parent is %v", c.TextMapPropagator, list[0].Parent())
		}
	}
}

type rude struct{}

func (rude) Fields() []string                                                    { return []string{"x-trace"} }
func (rude) Inject(context.Context, propagation.TextMapCarrier)                  { panic("inject") }
func (rude) Extract(context.Context, propagation.TextMapCarrier) context.Context { panic("extract") }

type single struct{}

func (single) Fields() []string                                   { return []string{"x-trace"} }
func (single) Inject(context.Context, propagation.TextMapCarrier) {}
func (single) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{9}, SpanID: trace.SpanID{9}, TraceFlags: trace.FlagsSampled, Remote: true,
	}))
}

// reader writes nothing.
type reader struct{ single }

func (reader) Fields() []string { return nil }

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name, code, kind, attribute string
		failed                      bool
		h                           http.HandlerFunc
	}{
		{"nothing", "200", "(absent)", "200", false, func(http.ResponseWriter, *http.Request) {}},
		{"written", "200", "(absent)", "200", false, ok},
		{"not found", "404", "(absent)", "404", false, http.NotFound},
		{"error", "500", "500", "500", true, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }},
		{"unavailable", "503", "503", "503", true, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		{"early hints", "204", "(absent)", "204", false, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusNoContent)
		}},
		{"twice", "201", "(absent)", "201", false, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
		}},
		{"flushed", "200", "(absent)", "200", false, func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(500)
		}},
		{"nothing to copy", "502", "502", "502", true, func(w http.ResponseWriter, _ *http.Request) {
			if _, err := io.Copy(w, failing{}); err != nil {
				w.WriteHeader(502)
			}
		}},
		{"panic", "500", "*errors.errorString", "(absent)", true, func(http.ResponseWriter, *http.Request) { panic(errors.New("oops")) }},
		{"panic after the header", "202", "string", "202", true, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(202)
			w.(http.Flusher).Flush()
			panic("late")
		}},
		{"aborted", "206", "(absent)", "206", false, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(206)
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := spans(t)
			route := "/status/" + c.name
			s := serve(t, mux("/", func(w http.ResponseWriter, req *http.Request) {
				nethttp.SetRoute(req.Context(), route)
				c.h(w, req)
			}))
			before := count(t, "http_requests_total", "route="+route, "code="+c.code)
			if resp, err := s.Client().Get(s.URL); err == nil {
				resp.Body.Close()
			}
			span := ended(t, r, 1)[0]
			wantAttrs(t, span, "http.response.status_code", c.attribute, "error.type", c.kind)
			if got := span.Status().Code == codes.Error; got != c.failed {
				t.Errorf("status %v", span.Status())
			}
			await(t, func() bool { return count(t, "http_requests_total", "route="+route, "code="+c.code) == before+1 })
			status := "success"
			if c.failed {
				status = "failed"
			}
			if n := count(t, "http_request_duration_seconds", "route="+route, "status="+status); n == 0 {
				t.Errorf("no duration with status %s", status)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no source") }

// The value of a panic, and the stack below it, reach the server's log.
func TestPanicReachesTheServer(t *testing.T) {
	var mu sync.Mutex
	var logged bytes.Buffer
	s := httptest.NewUnstartedServer(nethttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the very value") })))
	s.Config.ErrorLog = quiet()
	s.Config.ErrorLog.SetOutput(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return logged.Write(b)
	}))
	s.Start()
	defer s.Close()
	if _, err := s.Client().Get(s.URL); err == nil {
		t.Error("an answer")
	}
	await(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(logged.String(), "the very value") && strings.Contains(logged.String(), "TestPanicReachesTheServer.func1")
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestMethodsOfNobody(t *testing.T) {
	r := spans(t)
	s := serve(t, mux("/", ok))
	for _, method := range []string{"BREW", "get"} {
		req, _ := http.NewRequest(method, s.URL, nil)
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
	}
	for i, span := range ended(t, r, 2) {
		if span.Name() != "HTTP /" {
			t.Errorf("the span is %q", span.Name())
		}
		wantAttrs(t, span, "http.request.method", "_OTHER", "http.request.method_original", []string{"BREW", "get"}[i])
	}
}

func TestFailuresOfUnsampledRequestsAreDescribed(t *testing.T) {
	// The sampler that keeps them is bootstrap's; here every span is, once the
	// runtime asks for one.
	r := spans(t, sdk.WithSampler(sdk.AlwaysSample()))
	s := serve(t, mux("GET /fails/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	get(t, s.Client(), s.URL+"/fails/1", "Traceparent", sampled)
	wantAttrs(t, ended(t, r, 1)[0], "url.path", "/fails/1", "http.route", "/fails/{id}", "error.type", "500")
}

func TestHandlerIsIdempotent(t *testing.T) {
	h := nethttp.Handler(http.HandlerFunc(ok))
	if nethttp.Handler(h) != h {
		t.Error("wrapped twice")
	}
	r := spans(t)
	m := http.NewServeMux()
	m.Handle("/in/", h)
	s := serve(t, m)
	get(t, s.Client(), s.URL+"/in/1")
	if span := ended(t, r, 1)[0]; span.Name() != "GET /in/" {
		t.Errorf("the span is %q", span.Name())
	}
}

func TestNilHandlerIsTheDefaultMux(t *testing.T) {
	r := spans(t)
	before := http.DefaultServeMux
	t.Cleanup(func() { http.DefaultServeMux = before })
	http.DefaultServeMux = mux("/default/mux", ok)
	s := serve(t, nil)
	if _, body := get(t, s.Client(), s.URL+"/default/mux"); body != "ok" {
		t.Errorf("answered %q", body)
	}
	if span := ended(t, r, 1)[0]; span.Name() != "GET /default/mux" {
		t.Errorf("the span is %q", span.Name())
	}
}

// Everything that starts a server serves through the hook, the same server on
// two listeners as well.
func TestStarters(t *testing.T) {
	cert, key := certificate(t)
	h := mux("/started", ok)
	for name, start := range map[string]func(l net.Listener) error{
		"Serve":       func(l net.Listener) error { return nethttp.HTTPServe(l, h) },
		"ServeTLS":    func(l net.Listener) error { return nethttp.HTTPServeTLS(l, h, cert, key) },
		"ServerServe": func(l net.Listener) error { return nethttp.ServerServe(&http.Server{Handler: h}, l) },
		"ServerServeTLS": func(l net.Listener) error {
			return nethttp.ServerServeTLS(&http.Server{Handler: h}, l, cert, key)
		},
		"ListenAndServe": func(l net.Listener) error {
			l.Close()
			return nethttp.ListenAndServe(l.Addr().String(), h)
		},
		"ListenAndServeTLS": func(l net.Listener) error {
			l.Close()
			return nethttp.ListenAndServeTLS(l.Addr().String(), cert, key, h)
		},
		"ServerListenAndServe": func(l net.Listener) error {
			l.Close()
			return nethttp.ServerListenAndServe(&http.Server{Addr: l.Addr().String(), Handler: h})
		},
		"ServerListenAndServeTLS": func(l net.Listener) error {
			l.Close()
			return nethttp.ServerListenAndServeTLS(&http.Server{Addr: l.Addr().String(), Handler: h}, cert, key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			l := listen(t)
			go start(l)
			scheme := "http://"
			if strings.HasSuffix(name, "TLS") {
				scheme = "https://"
			}
			client := &http.Client{Transport: insecure()}
			await(t, func() bool {
				resp, err := client.Get(scheme + l.Addr().String() + "/started")
				return err == nil && read(t, resp) == "ok"
			})
			if span := ended(t, r, 1)[0]; span.Name() != "GET /started" {
				t.Errorf("the span is %q", span.Name())
			}
		})
	}
}

func TestOneServerOnTwoListeners(t *testing.T) {
	r := spans(t)
	srv := &http.Server{Handler: mux("/", ok)}
	t.Cleanup(func() { srv.Close() })
	listeners := []net.Listener{listen(t), listen(t)}
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(func() {
			if err := nethttp.ServerServe(srv, l); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
	for _, l := range slices.Repeat(listeners, 5) {
		get(t, http.DefaultClient, "http://"+l.Addr().String())
	}
	ended(t, r, 10)
	srv.Close()
	wg.Wait()
}

// The server removes the files of a form when the request is done.
func TestFormFilesAreRemoved(t *testing.T) {
	r := spans(t)
	var name string
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		f, err := r.MultipartForm.File["f"][0].Open()
		if err != nil {
			t.Error(err)
		}
		defer f.Close()
		name = f.(*os.File).Name()
	}))
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, _ := m.CreateFormFile("f", "f")
	io.WriteString(part, huge)
	m.Close()
	resp, err := s.Client().Post(s.URL, m.FormDataContentType(), &form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	ended(t, r, 1)
	s.Close() // which waits for the connection
	if _, err := os.Stat(name); name == "" || !os.IsNotExist(err) {
		t.Errorf("%q: %v", name, err)
	}
}

// What runs outside of the hook reads the pattern from its own request.
func TestPatternIsSeenOutside(t *testing.T) {
	h := nethttp.Handler(mux("/p/{x}", ok))
	req := httptest.NewRequest("GET", "/p/1", nil)
	h.ServeHTTP(httptest.NewRecorder(), req)
	if req.Pattern != "/p/{x}" {
		t.Errorf("the pattern is %q", req.Pattern)
	}
}

// A program may have a metric of that name itself, registered before ours or
// after. A registry would answer for both with an error.
func TestOwnMetricOfTheSameName(t *testing.T) {
	nethttp.Handler(mux("/own", ok)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/own", nil))
	if n := count(t, "http_requests_total", "route=/own"); n == 0 {
		t.Fatal("not counted")
	}
	before := prometheus.DefaultRegisterer
	t.Cleanup(func() { prometheus.DefaultRegisterer = before })
	registry := prometheus.NewRegistry() // in the place of the one that cannot forget a name
	prometheus.DefaultRegisterer = registry
	if n := count(t, "http_requests_total", "route=/own"); n == 0 {
		t.Error("nothing is told while the name is free")
	}
	registry.MustRegister(prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "My own."}, []string{"handler"}))
	if n := count(t, "http_requests_total", "route=/own"); n != 0 {
		t.Errorf("%d requests beside the program's own", n)
	}
}

func TestRoutesAreBounded(t *testing.T) {
	h := nethttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { nethttp.SetRoute(r.Context(), r.URL.Path) }))
	before := count(t, "http_requests_total", "method=PATCH")
	for i := range 300 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PATCH", "/bound/"+strings.Repeat("x", i), nil))
	}
	if n := count(t, "http_requests_total", "method=PATCH", "route=other"); n < 200 {
		t.Errorf("%d requests of other routes", n)
	}
	if n := count(t, "http_requests_total", "method=PATCH"); n != before+300 {
		t.Errorf("%d requests", n-before)
	}
}
