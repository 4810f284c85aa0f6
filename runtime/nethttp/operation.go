package nethttp

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/remote"
)

// ServerOperation is the operation of requests that a server answers, as
// metrics, log lines and /-/operations name it.
const ServerOperation = "http.server"

var server orchestrall.Operation

// The fields of server. All of them wait for the end: the route is not known
// before, and a request that nobody samples is spared the rest.
const (
	serverName = iota
	serverMethodLabel
	serverRouteLabel
	serverMethod
	serverMethodOriginal
	serverRoute
	serverStatus
	serverPath
	serverScheme
	serverAddress
	serverPort
	serverClient
	serverPeer
	serverPeerPort
	serverProtocol
	serverAgent
)

func init() {
	attribute := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Attribute, Key: key, AtEnd: true}
	}
	label := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Label, Key: key, AtEnd: true}
	}
	server.Register(orchestrall.Spec{
		Name: ServerOperation, SpanName: "{0}", Kind: orchestrall.Server,
		Ignore: []error{http.ErrAbortHandler},
		Fields: []orchestrall.Field{
			serverName:           {Role: orchestrall.NamePart, AtEnd: true},
			serverMethodLabel:    label("method"),
			serverRouteLabel:     label("route"),
			serverMethod:         attribute("http.request.method"),
			serverMethodOriginal: attribute("http.request.method_original"),
			serverRoute:          attribute("http.route"),
			serverStatus:         attribute("http.response.status_code"),
			serverPath:           attribute("url.path"),
			serverScheme:         attribute("url.scheme"),
			serverAddress:        attribute("server.address"),
			serverPort:           attribute("server.port"),
			serverClient:         attribute("client.address"),
			serverPeer:           attribute("network.peer.address"),
			serverPeerPort:       attribute("network.peer.port"),
			serverProtocol:       attribute("network.protocol.version"),
			serverAgent:          attribute("user_agent.original"),
		},
	})
}

// begin starts the span below the caller's.
func begin(w http.ResponseWriter, r *http.Request, call *orchestrall.Call) (*exchange, context.Context) {
	parent, above := extract(r.Context(), r.Header)
	var root trace.TraceID
	var sampled, known bool
	if !above.IsValid() && isFirst(parent) {
		root, sampled, known = orchestrall.NewRoot()
	}
	var e *exchange
	if above.IsValid() {
		both := &struct {
			exchange
			span remote.Span
		}{span: remote.Span{Context: above}}
		e = &both.exchange
		e.span.Store(&both.span)
	} else {
		e = new(exchange)
	}
	e.parent, e.w = parent, w
	e.came(r)
	if known && !sampled {
		e.begins, e.root = true, root
		return e, server.StartRefused(e, call)
	}
	below := context.Context(e)
	if sampled {
		below = orchestrall.WithRoot(e, root)
	}
	var ctx context.Context
	ctx, *call = server.Start(below)
	if ctx != below && trace.SpanFromContext(ctx).IsRecording() {
		e.told = detailsOf(r)
	}
	return e, ctx
}

// isFirst reports whether a trace begins below ctx, and may be told its ids.
func isFirst(ctx context.Context) bool {
	if remote.Key == nil {
		return false
	}
	span, ok := ctx.Value(remote.Key).(trace.Span)
	return !ok || !span.SpanContext().IsValid()
}

// end runs below a panic, too. It must not recover: that is for the call.
func (e *exchange) end(outer *http.Request, err *error, call *orchestrall.Call) {
	if e.inner != outer {
		// As if the handler had got this very request: whoever serves removes
		// the files of the form, and middleware reads the pattern.
		if outer.Pattern == "" {
			outer.Pattern = e.inner.Pattern
		}
		if outer.MultipartForm == nil {
			outer.MultipartForm = e.inner.MultipartForm
		}
	}
	code := e.code()
	if code >= 500 {
		*err = statusError(code)
	}
	call.Use(requests.count(methodName(e.method), e.route(), e.codeLabel(code)))
}

// codeLabel is what http_requests_total calls the answer.
func (e *exchange) codeLabel(code int) int {
	if code == 0 && e.status.Load() == 0 {
		return http.StatusInternalServerError // the handler panicked, the connection was closed
	}
	return code
}

func (e *exchange) field(field int) orchestrall.Value {
	switch field {
	case serverName:
		return orchestrall.Of(spanName(methodName(e.method), e.route()))
	case serverMethodLabel, serverMethod:
		return orchestrall.Of(methodName(e.method))
	case serverRouteLabel:
		return orchestrall.Of(e.route())
	case serverRoute:
		return text(e.route())
	case serverMethodOriginal:
		if methodName(e.method) == otherMethod {
			return text(e.method)
		}
	case serverStatus:
		return number(e.code())
	case serverPath:
		return text(e.path)
	case serverAgent:
		return text(value(e.agent))
	case serverClient:
		if client := forwarded(value(e.client)); client != "" {
			return text(client)
		}
		field = serverPeer
		fallthrough
	default:
		if e.told == nil {
			e.told = detailsOf(e.inner)
		}
		return e.told.field(field)
	}
	return orchestrall.Value{}
}

func (d *details) field(field int) orchestrall.Value {
	switch field {
	case serverScheme:
		if d.secure {
			return orchestrall.Of("https")
		}
		return orchestrall.Of("http")
	case serverAddress:
		host, _ := hostPort(d.host)
		return text(host)
	case serverPort:
		_, port := hostPort(d.host)
		return number(port)
	case serverPeer:
		host, _ := hostPort(d.peer)
		return text(host)
	case serverPeerPort:
		_, port := hostPort(d.peer)
		return number(port)
	case serverProtocol:
		return text(protocol(d.major, d.minor))
	}
	return orchestrall.Value{}
}

// value is the text of a header that may be missing.
func value(header *string) string {
	if header == nil {
		return ""
	}
	return *header
}

// text leaves an empty text out.
func text(s string) orchestrall.Value {
	if s == "" {
		return orchestrall.Value{}
	}
	return orchestrall.Of(s)
}

// number leaves a zero out.
func number(n int) orchestrall.Value {
	if n == 0 {
		return orchestrall.Value{}
	}
	return orchestrall.Of(n)
}

func protocol(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major == 1 && minor == 0:
		return "1.0"
	case major > 1:
		return strconv.Itoa(major)
	}
	return ""
}

// hostPort splits "host:port", also where there is no port.
func hostPort(address string) (host string, port int) {
	if address == "" {
		return "", 0
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]"), 0
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		port = 0
	}
	return host, port
}

// forwarded is the client in front of the proxies, as they tell it.
func forwarded(proxies string) string {
	first, _, _ := strings.Cut(proxies, ",")
	return strings.TrimSpace(first)
}

// statusError is an answer that counts as failure.
type statusError int

// Error implements error.
func (s statusError) Error() string {
	if text := http.StatusText(int(s)); text != "" {
		return strconv.Itoa(int(s)) + " " + text
	}
	return strconv.Itoa(int(s))
}

// ErrorType is the error.type of the conventions for HTTP.
func (s statusError) ErrorType() string { return strconv.Itoa(int(s)) }
