package nethttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// One trace over the wire: the caller's span, the client's below it, the
// server's below that.
func TestClientToServer(t *testing.T) {
	r := spans(t)
	s := serve(t, mux("/orders/{id}", ok))
	ctx, root := otel.Tracer("test").Start(context.Background(), "root")
	req, _ := http.NewRequestWithContext(ctx, "GET", strings.Replace(s.URL, "//", "//bob:hunter2@", 1)+"/orders/1?api_key=k&page=2", nil)
	before := req.Header.Clone()
	resp, err := nethttp.ClientDo(s.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(req.Header) != len(before) {
		t.Errorf("the headers became %v", req.Header)
	}
	server := ended(t, r, 1)[0]
	if read(t, resp) != "ok" {
		t.Error("not the answer")
	}
	client := ended(t, r, 2)[1]
	root.End()
	if client.Name() != "GET" || client.SpanKind() != trace.SpanKindClient {
		t.Errorf("%s %q", client.SpanKind(), client.Name())
	}
	if client.Parent().SpanID() != root.SpanContext().SpanID() || server.Parent().SpanID() != client.SpanContext().SpanID() ||
		server.SpanContext().TraceID() != root.SpanContext().TraceID() {
		t.Errorf("root %v, client %v below %v, server below %v",
			root.SpanContext().SpanID(), client.SpanContext().SpanID(), client.Parent().SpanID(), server.Parent().SpanID())
	}
	u, _ := url.Parse(s.URL)
	wantAttrs(t, client, "http.request.method", "GET", "http.response.status_code", "200",
		"server.address", u.Hostname(), "server.port", u.Port(), "network.protocol.version", "1.1",
		"url.full", "http://REDACTED:REDACTED@"+u.Host+"/orders/1?api_key=REDACTED&page=2",
		"http.request.resend_count", "(absent)")
	if n := count(t, "client_request_duration_seconds", "operation=http.client", "status=success", "method=GET", "server_address="+u.Hostname()); n == 0 {
		t.Error("no duration")
	}
}

// The program's own request stands in the response, as it does without us.
func TestResponseNamesTheRequest(t *testing.T) {
	spans(t)
	s := serve(t, http.HandlerFunc(ok))
	req, _ := http.NewRequest("GET", s.URL, nil)
	resp, err := nethttp.ClientDo(s.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	if read(t, resp); resp.Request != req {
		t.Errorf("the response is of %p, not of %p", resp.Request, req)
	}
}

func TestEveryCall(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
	}))
	form := url.Values{"a": {"1"}}
	c := &http.Client{}
	for _, x := range []struct {
		want string
		call func() (*http.Response, error)
	}{
		{"GET  ", func() (*http.Response, error) { return nethttp.Get(s.URL) }},
		{"", func() (*http.Response, error) { return nethttp.Head(s.URL) }},
		{"POST text/plain b", func() (*http.Response, error) { return nethttp.Post(s.URL, "text/plain", strings.NewReader("b")) }},
		{"POST application/x-www-form-urlencoded a=1", func() (*http.Response, error) { return nethttp.PostForm(s.URL, form) }},
		{"GET  ", func() (*http.Response, error) { return nethttp.ClientGet(c, s.URL) }},
		{"", func() (*http.Response, error) { return nethttp.ClientHead(c, s.URL) }},
		{"POST text/plain b", func() (*http.Response, error) {
			return nethttp.ClientPost(c, s.URL, "text/plain", strings.NewReader("b"))
		}},
		{"POST application/x-www-form-urlencoded a=1", func() (*http.Response, error) { return nethttp.ClientPostForm(c, s.URL, form) }},
		{"GET  ", func() (*http.Response, error) {
			req, _ := http.NewRequest("GET", s.URL, nil)
			return nethttp.TransportRoundTrip(http.DefaultTransport.(*http.Transport), req)
		}},
	} {
		r := spans(t)
		resp, err := x.call()
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); got != x.want {
			t.Errorf("answered %q, want %q", got, x.want)
		}
		ended(t, r, 2)
	}
	if c.Transport != nil {
		t.Error("the client was changed")
	}
	if _, ok := http.DefaultTransport.(*http.Transport); !ok {
		t.Error("http.DefaultTransport was replaced")
	}
}

func TestRedirects(t *testing.T) {
	r := spans(t)
	m := http.NewServeMux()
	m.HandleFunc("/a", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		http.Redirect(w, r, "/b", http.StatusFound)
	})
	m.HandleFunc("/b", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/c", http.StatusTemporaryRedirect) })
	m.HandleFunc("/c", func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Cookie("c")
		io.WriteString(w, c.String())
	})
	s := serve(t, m)
	var via []string
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(req *http.Request, before []*http.Request) error {
		via = append(via, req.URL.Path)
		if req.Header.Get("Traceparent") != "" || before[0].Header.Get("Traceparent") != "" {
			t.Error("the trace has got into the program's own requests")
		}
		return nil
	}}
	resp, err := nethttp.ClientGet(c, s.URL+"/a")
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, resp); body != "c=1" || resp.Request.URL.Path != "/c" || strings.Join(via, " ") != "/b /c" {
		t.Errorf("%q of %s by %q", body, resp.Request.URL, via)
	}
	counts := map[string]string{}
	ids := map[trace.SpanID]bool{}
	for _, s := range ended(t, r, 6) {
		ids[s.SpanContext().SpanID()] = true
		if s.SpanKind() == trace.SpanKindClient {
			counts[attr(s, "url.full")[len(attr(s, "url.full"))-2:]] = attr(s, "http.request.resend_count")
		}
	}
	if counts["/a"] != "(absent)" || counts["/b"] != "1" || counts["/c"] != "2" {
		t.Errorf("resend counts %v", counts)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClientFailures(t *testing.T) {
	refused := errors.New("refused")
	closed := listen(t)
	closed.Close()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			http.NotFound(w, r)
		case "/503":
			w.WriteHeader(503)
		case "/hang":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("part"))
		}
	}))
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name, url, kind, status string
		client                  *http.Client
		ctx                     context.Context
		is                      error
	}{
		{"not found", s.URL + "/404", "404", "404", s.Client(), nil, nil},
		{"unavailable", s.URL + "/503", "503", "503", s.Client(), nil, nil},
		{"cut off", s.URL + "/cut", "_OTHER", "200", s.Client(), nil, io.ErrUnexpectedEOF},
		{"own error", s.URL, "_OTHER", "(absent)", &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, refused })}, nil, refused},
		{"cancelled", s.URL, "context.Canceled", "(absent)", s.Client(), canceled, context.Canceled},
		{"too slow", s.URL + "/hang", "(any)", "(absent)", &http.Client{Timeout: 50 * time.Millisecond}, nil, context.DeadlineExceeded},
		{"nobody there", "http://" + closed.Addr().String(), "*os.SyscallError", "(absent)", s.Client(), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := spans(t)
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			req, _ := http.NewRequestWithContext(ctx, "GET", c.url, nil)
			resp, err := nethttp.ClientDo(c.client, req)
			var wrapped *url.Error
			if err != nil && !errors.As(err, &wrapped) {
				t.Errorf("the error is %T", err)
			}
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("the error is %v", err)
			}
			await(t, func() bool {
				for _, span := range r.Ended() {
					if span.SpanKind() != trace.SpanKindClient {
						continue
					}
					if span.Status().Code != codes.Error {
						t.Errorf("status %v", span.Status())
					}
					wantAttrs(t, span, "http.response.status_code", c.status)
					if c.kind != "(any)" {
						wantAttrs(t, span, "error.type", c.kind)
					}
					return true
				}
				return false
			})
		})
	}
}

// The span lasts as long as the body, whoever ends that and how.
func TestClientBody(t *testing.T) {
	for name, finish := range map[string]func(io.ReadCloser){
		"read":   func(b io.ReadCloser) { io.Copy(io.Discard, b) },
		"closed": func(b io.ReadCloser) { b.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			rt := nethttp.Transport(roundTripper(func(req *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(struct{ io.Reader }{strings.NewReader(huge)})}, nil
			}))
			req, _ := http.NewRequest("GET", "http://example.com", nil)
			func() {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Ended()) > 0 {
					t.Error("the span has ended before the body")
				}
				finish(resp.Body)
			}()
			if n := len(r.Ended()); n != 1 {
				t.Errorf("%d spans behind the body", n)
			}
		})
	}
}

func TestBodiesThatCanDoMoreAreLeftAlone(t *testing.T) {
	spans(t)
	for _, b := range []io.ReadCloser{
		http.NoBody, nil, io.NopCloser(bytes.NewReader(nil)),
		struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(""), nil},
	} {
		rt := nethttp.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: b}, nil
		}))
		req, _ := http.NewRequest("GET", "http://example.com", nil)
		resp, err := rt.RoundTrip(req)
		if err != nil || resp.Body != b {
			t.Errorf("%T became %T, %v", b, resp.Body, err)
		}
	}
}

// A request is traced once, however many transports it passes, and a request
// that a transport makes on its own is another.
func TestNestedTransports(t *testing.T) {
	r := spans(t)
	s := serve(t, http.HandlerFunc(ok))
	base := nethttp.Transport(s.Client().Transport)
	if nethttp.Transport(base) != base || nethttp.ClientTransport(base) != base {
		t.Error("wrapped twice")
	}
	authorizing := roundTripper(func(req *http.Request) (*http.Response, error) {
		token, _ := http.NewRequestWithContext(req.Context(), "GET", s.URL+"/token", nil)
		resp, err := base.RoundTrip(token)
		if err != nil {
			return nil, err
		}
		read(t, resp)
		again := req.Clone(req.Context())
		again.Header.Set("Authorization", "Bearer")
		return base.RoundTrip(again)
	})
	resp, err := nethttp.ClientGet(&http.Client{Transport: authorizing}, s.URL+"/data")
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	ended(t, r, 4) // two of the client, two of the server
}

func TestTransportsThatProgramsAssert(t *testing.T) {
	own := &http.Transport{}
	if nethttp.ClientTransport(own) != http.RoundTripper(own) || nethttp.ClientTransport(nil) != nil {
		t.Error("a *http.Transport was wrapped")
	}
	closed := false
	c := http.Client{Transport: nethttp.ClientTransport(idle{&closed})}
	c.CloseIdleConnections()
	if !closed {
		t.Error("idle connections stay open")
	}
}

type idle struct{ closed *bool }

func (i idle) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no") }
func (i idle) CloseIdleConnections()                           { *i.closed = true }

func TestClientPanics(t *testing.T) {
	r := spans(t)
	rt := nethttp.Transport(roundTripper(func(*http.Request) (*http.Response, error) { panic("transport") }))
	req, _ := http.NewRequest("GET", "http://example.com", nil)
	func() {
		defer func() {
			if got := recover(); got != "transport" {
				t.Errorf("recovered %v", got)
			}
		}()
		rt.RoundTrip(req)
	}()
	wantAttrs(t, ended(t, r, 1)[0], "error.type", "panic")
	defer func() {
		if recover() == nil {
			t.Error("a nil client does not panic")
		}
	}()
	nethttp.ClientDo(nil, req)
}

// What a transport refuses it refuses in its own words.
func TestBadRequests(t *testing.T) {
	spans(t)
	for _, req := range []*http.Request{{}, {URL: &url.URL{Scheme: "http", Host: "x"}}, {Header: http.Header{}}} {
		_, want := http.DefaultTransport.RoundTrip(req)
		if _, got := nethttp.Transport(nil).RoundTrip(req); got == nil || got.Error() != want.Error() {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestUnsampledClient(t *testing.T) {
	r := spans(t)
	var header http.Header
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header = r.Header }))
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	req, _ := http.NewRequestWithContext(trace.ContextWithSpanContext(context.Background(), parent), "GET", s.URL, nil)
	resp, err := nethttp.ClientDo(s.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	if got := header.Get("Traceparent"); got != "00-"+parent.TraceID().String()+"-"+parent.SpanID().String()+"-00" {
		t.Errorf("sent %q", got)
	}
	if len(r.Started()) > 0 {
		t.Error("a span in an unsampled trace")
	}
}

func TestURLsAreRedacted(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/p":                              "http://h/p",
		"http://u:p@h/p#frag":                     "http://REDACTED:REDACTED@h/p",
		"http://h/?X-Amz-Signature=s&sig=2&a=b":   "http://h/?X-Amz-Signature=REDACTED&sig=REDACTED&a=b",
		"http://h/?access_token=t&API-Key=x&q=":   "http://h/?access_token=REDACTED&API-Key=REDACTED&q=",
		"http://h/?pass%77ord=x&%zz=y&flag&key=1": "http://h/?pass%77ord=REDACTED&%zz=REDACTED&flag&key=REDACTED",
		"http://h/?AWSAccessKeyId=1&monkey=2":     "http://h/?AWSAccessKeyId=REDACTED&monkey=2",
	} {
		r := spans(t)
		rt := nethttp.Transport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no") }))
		req, err := http.NewRequest("GET", in, nil)
		if err != nil {
			t.Fatal(err)
		}
		rt.RoundTrip(req)
		wantAttrs(t, ended(t, r, 1)[0], "url.full", want)
	}
}
