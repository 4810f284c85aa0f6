package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// own is a program's wrapper, whose calls are woven.
type own struct{ c *http.Client }

func (o own) Do(req *http.Request) (*http.Response, error) { return nethttp.ClientDo(o.c, req) }

func (o own) RoundTrip(req *http.Request) (*http.Response, error) {
	return nethttp.InterfaceRoundTrip(http.DefaultTransport, req)
}

var errOwn = errors.New("own")

type refusing struct{}

func (refusing) Get(string) (*http.Response, error) { return nil, errOwn }

// A client behind an interface leaves one span for a request, whatever holds it.
func TestThroughInterfaces(t *testing.T) {
	s := serve(t, http.HandlerFunc(ok))
	request := func() *http.Request {
		req, _ := http.NewRequest("GET", s.URL, nil)
		return req
	}
	for name, call := range map[string]func() (*http.Response, error){
		"Do":         func() (*http.Response, error) { return nethttp.InterfaceDo(s.Client(), request()) },
		"Do of own":  func() (*http.Response, error) { return nethttp.InterfaceDo(own{s.Client()}, request()) },
		"Get":        func() (*http.Response, error) { return nethttp.InterfaceGet(s.Client(), s.URL) },
		"Head":       func() (*http.Response, error) { return nethttp.InterfaceHead(s.Client(), s.URL) },
		"Post":       func() (*http.Response, error) { return nethttp.InterfacePost(s.Client(), s.URL, "text/plain", nil) },
		"PostForm":   func() (*http.Response, error) { return nethttp.InterfacePostForm(s.Client(), s.URL, url.Values{}) },
		"RoundTrip":  func() (*http.Response, error) { return nethttp.InterfaceRoundTrip(http.DefaultTransport, request()) },
		"of own":     func() (*http.Response, error) { return nethttp.InterfaceRoundTrip(own{}, request()) },
		"below a Do": func() (*http.Response, error) { return nethttp.InterfaceDo(&http.Client{Transport: own{}}, request()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			resp, err := call()
			if err != nil {
				t.Fatal(err)
			}
			read(t, resp)
			if all := ended(t, r, 2); all[0].Parent().SpanID() != all[1].SpanContext().SpanID() {
				t.Errorf("the server's %v is below %v, not %v", all[0].Name(), all[0].Parent().SpanID(), all[1].SpanContext().SpanID())
			}
		})
	}
	if _, err := nethttp.InterfaceGet(refusing{}, ""); err != errOwn {
		t.Errorf("another error: %v", err)
	}
}

// A transport that sends the request elsewhere, under another path or with a key
// in its query is part of the same request.
func TestTransportsThatRewrite(t *testing.T) {
	r := spans(t)
	s := serve(t, http.HandlerFunc(ok))
	target, _ := url.Parse(s.URL)
	c := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		again := req.Clone(req.Context())
		again.URL.Host, again.URL.Path, again.URL.RawQuery = target.Host, "/v1"+req.URL.Path, "key=k"
		return nethttp.InterfaceRoundTrip(http.DefaultTransport, again)
	})}
	resp, err := nethttp.InterfaceGet(c, "http://orders.internal/orders")
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	all := ended(t, r, 2)
	wantAttrs(t, all[1], "url.full", "http://orders.internal/orders")
	if all[0].Parent().SpanID() != all[1].SpanContext().SpanID() {
		t.Error("the server's span is not below the client's")
	}
}

// Servers and muxes behind interfaces are hooked as they are by their types.
func TestServersThroughInterfaces(t *testing.T) {
	r := spans(t)
	m := http.NewServeMux()
	nethttp.InterfaceHandle(m, "GET /a/{id}", http.HandlerFunc(ok))
	nethttp.InterfaceHandleFunc(m, "GET /b/{id}", ok)
	func() {
		defer func() {
			if said := fmt.Sprint(recover()); strings.Count(said, "interface_test.go") != 2 {
				t.Errorf("a conflict is told as %q", said)
			}
		}()
		nethttp.InterfaceHandleFunc(m, "GET /b/{name}", ok)
	}()
	copying := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m.ServeHTTP(w, req.WithContext(req.Context()))
	})
	l := listen(t)
	server := &http.Server{Handler: copying, ErrorLog: quiet()}
	done := make(chan error)
	go func() { done <- nethttp.InterfaceServe(server, l) }()
	for _, path := range []string{"/a/1", "/b/1"} {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	all := ended(t, r, 2)
	wantAttrs(t, all[0], "http.route", "/a/{id}")
	wantAttrs(t, all[1], "http.route", "/b/{id}")
	server.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"ListenAndServe":    nethttp.InterfaceListenAndServe(server),
		"ListenAndServeTLS": nethttp.InterfaceListenAndServeTLS(server, "", ""),
		"ServeTLS":          nethttp.InterfaceServeTLS(server, l, "", ""),
	} {
		if err == nil {
			t.Errorf("%s serves after the end", name)
		}
	}
}
