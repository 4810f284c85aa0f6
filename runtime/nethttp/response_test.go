package nethttp_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// interfaces lists what a handler may ask its writer for.
func interfaces(w http.ResponseWriter) string {
	var names []string
	add := func(name string, ok bool) {
		if ok {
			names = append(names, name)
		}
	}
	_, ok := w.(http.Flusher)
	add("Flusher", ok)
	_, ok = w.(interface{ FlushError() error })
	add("FlushError", ok)
	_, ok = w.(http.Hijacker)
	add("Hijacker", ok)
	_, ok = w.(http.Pusher)
	add("Pusher", ok)
	_, ok = w.(io.ReaderFrom)
	add("ReaderFrom", ok)
	_, ok = w.(io.StringWriter)
	add("StringWriter", ok)
	_, ok = w.(interface{ CloseNotify() <-chan bool })
	add("CloseNotifier", ok)
	_, ok = w.(interface{ SetReadDeadline(time.Time) error })
	add("SetReadDeadline", ok)
	_, ok = w.(interface{ SetWriteDeadline(time.Time) error })
	add("SetWriteDeadline", ok)
	_, ok = w.(interface{ EnableFullDuplex() error })
	add("EnableFullDuplex", ok)
	return strings.Join(names, " ")
}

func TestWritersOfTheServerKeepTheirInterfaces(t *testing.T) {
	spans(t)
	asked := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, interfaces(w)) })
	plain := httptest.NewServer(asked)
	defer plain.Close()
	hooked := serve(t, asked)
	_, want := get(t, plain.Client(), plain.URL)
	if _, got := get(t, hooked.Client(), hooked.URL); got != want {
		t.Errorf("HTTP/1: %s\nwant    %s", got, want)
	}

	plain2 := httptest.NewUnstartedServer(asked)
	plain2.EnableHTTP2 = true
	plain2.StartTLS()
	defer plain2.Close()
	hooked2 := serve2(t, asked)
	_, want = get(t, plain2.Client(), plain2.URL)
	resp, got := get(t, hooked2.Client(), hooked2.URL)
	if got != want || resp.ProtoMajor != 2 {
		t.Errorf("HTTP/%d: %s\nwant    %s", resp.ProtoMajor, got, want)
	}
}

// Every combination that another middleware may have.
func TestWritersOfOthersKeepTheirInterfaces(t *testing.T) {
	type (
		f struct{ http.Flusher }
		h struct{ http.Hijacker }
		p struct{ http.Pusher }
		r struct{ io.ReaderFrom }
		s struct{ io.StringWriter }
		n struct{ notifier }
	)
	base := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	for _, w := range []http.ResponseWriter{
		base,
		httptest.NewRecorder(),
		struct {
			http.ResponseWriter
			f
		}{base, f{}},
		struct {
			http.ResponseWriter
			h
		}{base, h{}},
		struct {
			http.ResponseWriter
			p
		}{base, p{}},
		struct {
			http.ResponseWriter
			f
			h
			r
		}{base, f{}, h{}, r{}},
		struct {
			http.ResponseWriter
			h
			p
			s
		}{base, h{}, p{}, s{}},
		struct {
			http.ResponseWriter
			r
			n
		}{base, r{}, n{}},
		struct {
			http.ResponseWriter
			f
			h
			p
			r
			s
			n
		}{base, f{}, h{}, p{}, r{}, s{}, n{}},
	} {
		want, got := interfaces(w), ""
		nethttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = interfaces(w) })).
			ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		// Who can flush can say why it could not.
		if got = strings.ReplaceAll(got, " FlushError", ""); got != strings.ReplaceAll(want, " FlushError", "") {
			t.Errorf("%T: %q, want %q", w, got, want)
		}
	}
}

type notifier interface{ CloseNotify() <-chan bool }

func TestFileIsSentByTheKernel(t *testing.T) {
	r := spans(t)
	name := filepath.Join(t.TempDir(), "big")
	content := strings.Repeat("0123456789abcdef", 1<<16)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var direct bool
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, direct = w.(io.ReaderFrom)
		http.ServeFile(w, r, name)
	}))
	resp, body := get(t, s.Client(), s.URL)
	if body != content || resp.ContentLength != int64(len(content)) || !direct {
		t.Errorf("%d bytes of %d, direct %v", len(body), resp.ContentLength, direct)
	}
	wantAttrs(t, ended(t, r, 1)[0], "http.response.status_code", "200")
}

// Events arrive while the handler runs.
func TestEventStream(t *testing.T) {
	for name, start := range map[string]func(testing.TB, http.Handler) *httptest.Server{"HTTP/1": serve, "HTTP/2": serve2} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			next := make(chan int)
			s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				c := http.NewResponseController(w)
				for i := range next {
					fmt.Fprintf(w, "data: %d\n\n", i)
					if err := c.Flush(); err != nil {
						t.Error(err)
					}
				}
			}))
			go func() { next <- 0 }()
			resp, err := s.Client().Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				if i > 0 {
					next <- i
				}
				line, err := lines.ReadString('\n')
				if err != nil || line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("event %d: %q, %v", i, line, err)
				}
				lines.ReadString('\n')
			}
			if len(r.Ended()) > 0 {
				t.Error("the span has ended before the stream")
			}
			close(next)
			ended(t, r, 1)
		})
	}
}

func TestTrailersAndContinue(t *testing.T) {
	for name, start := range map[string]func(testing.TB, http.Handler) *httptest.Server{"HTTP/1": serve, "HTTP/2": serve2} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "X-Declared")
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				w.Write(body)
				w.Header().Set("X-Declared", r.Trailer.Get("X-Sent"))
				w.Header().Set(http.TrailerPrefix+"X-Late", "2")
			}))
			req, _ := http.NewRequest("POST", s.URL, io.MultiReader(strings.NewReader("body")))
			req.Header.Set("Expect", "100-continue")
			req.Trailer = http.Header{"X-Sent": {"1"}}
			s.Client().Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if body := read(t, resp); body != "body" || resp.Trailer.Get("X-Declared") != "1" || resp.Trailer.Get("X-Late") != "2" {
				t.Errorf("%q, trailers %v", body, resp.Trailer)
			}
			ended(t, r, 1)
		})
	}
}

// The handler takes the connection over; the span ends when the handler does.
func TestHijack(t *testing.T) {
	for name, hijack := range map[string]func(http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error){
		"Hijacker": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) { return w.(http.Hijacker).Hijack() },
		"ResponseController": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
			return http.NewResponseController(w).Hijack()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := spans(t)
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, buf, err := hijack(w)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
				buf.Flush()
				line, _ := buf.ReadString('\n')
				buf.WriteString(line)
				buf.Flush()
				if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
					t.Errorf("a write after it: %v", err)
				}
			}))
			req, _ := http.NewRequest("GET", s.URL, nil)
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "echo")
			resp, err := nethttpClient(s).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			conn, ok := resp.Body.(io.ReadWriteCloser)
			if !ok || resp.StatusCode != 101 {
				t.Fatalf("%s with %T", resp.Status, resp.Body)
			}
			if list := r.Ended(); len(list) != 1 || list[0].Name() != "GET" {
				t.Fatal("the client's span does not end with the answer")
			}
			io.WriteString(conn, "hello\n")
			if line, _ := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
				t.Errorf("echoed %q", line)
			}
			conn.Close()
			wantAttrs(t, ended(t, r, 2)[1], "http.response.status_code", "101")
		})
	}
}

func TestConnect(t *testing.T) {
	r := spans(t)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\ntunnel")
	}))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
	if answer, _ := io.ReadAll(conn); !bytes.HasSuffix(answer, []byte("tunnel")) {
		t.Errorf("answered %q", answer)
	}
	span := ended(t, r, 1)[0]
	if span.Name() != "CONNECT" {
		t.Errorf("the span is %q", span.Name())
	}
	wantAttrs(t, span, "server.address", "example.com", "server.port", "443", "http.response.status_code", "(absent)")
	if n := count(t, "http_requests_total", "method=CONNECT", "code=hijacked"); n == 0 {
		t.Error("not counted")
	}
}

func TestResponseController(t *testing.T) {
	spans(t)
	f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		at := time.Now().Add(time.Minute)
		fmt.Fprint(w, c.SetReadDeadline(at), c.SetWriteDeadline(at), c.EnableFullDuplex(), c.Flush())
	})
	for _, s := range []*httptest.Server{serve(t, f), serve2(t, f)} {
		if _, body := get(t, s.Client(), s.URL); body != "<nil> <nil> <nil> <nil>" {
			t.Errorf("answered %s", body)
		}
	}
}

func TestPush(t *testing.T) {
	spans(t)
	s := serve2(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// Go's client refuses pushes, and the server says so.
		fmt.Fprint(w, errors.Is(w.(http.Pusher).Push("/style.css", nil), http.ErrNotSupported))
	}))
	if _, body := get(t, s.Client(), s.URL); body != "true" {
		t.Errorf("answered %s", body)
	}
}

func TestTimeoutHandler(t *testing.T) {
	r := spans(t)
	release := make(chan struct{})
	s := serve(t, http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		w.Write([]byte("late"))
	}), time.Millisecond, "too late"))
	resp, body := get(t, s.Client(), s.URL)
	if resp.StatusCode != 503 || body != "too late" {
		t.Errorf("%s %q", resp.Status, body)
	}
	close(release)
	wantAttrs(t, ended(t, r, 1)[0], "http.response.status_code", "503", "error.type", "503")
}

// Behind MaxBytesReader the server closes the connection of a request that is
// too large, which it does only for a writer of its own.
func TestTooLargeRequestsCloseTheConnection(t *testing.T) {
	spans(t)
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
		var large *http.MaxBytesError
		http.Error(w, fmt.Sprint(errors.As(err, &large)), http.StatusRequestEntityTooLarge)
	})
	woven := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(nethttp.MaxBytesReader(w, r.Body, 10))
		var large *http.MaxBytesError
		http.Error(w, fmt.Sprint(errors.As(err, &large)), http.StatusRequestEntityTooLarge)
	})
	bare := httptest.NewServer(plain)
	defer bare.Close()
	for _, s := range []*httptest.Server{bare, serve(t, woven)} {
		resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("more than ten bytes"))
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, resp); !resp.Close || body != "true\n" {
			t.Errorf("close %v, %q", resp.Close, body)
		}
	}
}
