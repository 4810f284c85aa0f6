package socket

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Indices of the fields that both operations have; those of a side follow.
const (
	atClose = iota
	messagesReceived
	messagesSent
	bytesReceived
	bytesSent
	subprotocol
	urlPath
	serverAddress
	serverPort
	name
	route
	client
)

const metric = "websocket_connection_duration_seconds"

var shared = []orchestrall.Field{
	atClose:          {Key: "websocket.close_code", AtEnd: true},
	messagesReceived: {Key: "websocket.messages.received", AtEnd: true},
	messagesSent:     {Key: "websocket.messages.sent", AtEnd: true},
	bytesReceived:    {Key: "websocket.bytes.received", AtEnd: true},
	bytesSent:        {Key: "websocket.bytes.sent", AtEnd: true},
	subprotocol:      {Key: "websocket.subprotocol", AtEnd: true},
	urlPath:          {Key: "url.path"},
	serverAddress:    {Key: "server.address"},
	serverPort:       {Key: "server.port"},
	name:             {Role: orchestrall.NamePart, Key: "name"},
}

var accepts, dials = new(orchestrall.Operation), new(orchestrall.Operation)

func init() {
	accepts.Register(orchestrall.Spec{
		Name: "websocket.server", SpanName: "{9}", Kind: orchestrall.Server, Metric: metric,
		Fields: append(shared[:len(shared):len(shared)],
			orchestrall.Field{Key: "http.route"}, orchestrall.Field{Key: "client.address"},
			orchestrall.Field{Role: orchestrall.Label, Key: "http.route"}),
	})
	dials.Register(orchestrall.Spec{
		Name: "websocket.client", SpanName: "{9}", Kind: orchestrall.Client, Metric: metric,
		Fields: shared,
	})
}

// value is what the fields at the end say.
func (c *Conn) value(field, code int) orchestrall.Value {
	switch field {
	case atClose:
		if code != 0 {
			return orchestrall.Of(code)
		}
	case messagesReceived:
		return c.count(c.traffic[Received].messages.Load())
	case messagesSent:
		return c.count(c.traffic[Sent].messages.Load())
	case bytesReceived:
		return c.count(c.traffic[Received].bytes.Load())
	case bytesSent:
		return c.count(c.traffic[Sent].bytes.Load())
	case subprotocol:
		if p := c.protocol.Load(); p != nil {
			return orchestrall.Of(*p)
		}
	}
	return orchestrall.Value{}
}

// count leaves a number out where nobody has counted.
func (c *Conn) count(n int64) orchestrall.Value {
	if c.span == nil {
		return orchestrall.Value{}
	}
	return orchestrall.Of(n)
}

// Accepted starts the span of a connection that a client asks for. The parent is
// the request's own span, or what its headers name. The request's context has
// the span from then on, as the handler has no other way to its connection.
func Accepted(r *http.Request) *Conn {
	if r == nil {
		return nil
	}
	ctx := r.Context()
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagator().Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	pattern := routeOf(r)
	host, port := split(r.Host)
	peer, _ := split(r.RemoteAddr)
	inner, c := open(ctx, accepts, func(field int) orchestrall.Value {
		switch field {
		case urlPath:
			if r.URL != nil {
				return text(r.URL.Path)
			}
		case serverAddress:
			return text(host)
		case serverPort:
			return number(port)
		case name:
			return orchestrall.Of(strings.TrimSpace("websocket " + pattern))
		case route, len(shared) + 2:
			return text(pattern)
		case client:
			return text(peer)
		}
		return orchestrall.Value{}
	})
	if inner != r.Context() {
		*r = *r.WithContext(inner)
	}
	return c
}

// Dialed starts the span of a connection to address. It returns the context to
// dial with, and header with the trace context, as a copy: the caller's stays.
func Dialed(ctx context.Context, address string, header http.Header) (context.Context, http.Header, *Conn) {
	if ctx == nil {
		return ctx, header, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		u = new(url.URL)
	}
	inner, c := open(ctx, dials, func(field int) orchestrall.Value {
		switch field {
		case urlPath:
			return text(u.Path)
		case serverAddress:
			return text(u.Hostname())
		case serverPort:
			port, _ := strconv.Atoi(u.Port())
			return number(port)
		case name:
			return orchestrall.Of(strings.TrimSpace("websocket " + u.Hostname()))
		}
		return orchestrall.Value{}
	})
	if header.Get("traceparent") != "" || !trace.SpanContextFromContext(inner).IsValid() {
		return inner, header, c
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	propagator().Inject(inner, propagation.HeaderCarrier(header))
	return inner, header, c
}

// propagator is the program's, or W3C's where it has none: telemetry may be set
// up later than the first connection.
func propagator() propagation.TextMapPropagator {
	if p := otel.GetTextMapPropagator(); len(p.Fields()) > 0 {
		return p
	}
	return propagation.TraceContext{}
}

// routeOf is the pattern that the request matched, without method and host.
func routeOf(r *http.Request) string {
	if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
		return r.Pattern[i:]
	}
	return ""
}

func split(hostport string) (host string, port int) {
	h, p, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport, 0
	}
	port, _ = strconv.Atoi(p)
	return h, port
}

func text(s string) orchestrall.Value {
	if s == "" {
		return orchestrall.Value{}
	}
	return orchestrall.Of(s)
}

func number(n int) orchestrall.Value {
	if n == 0 {
		return orchestrall.Value{}
	}
	return orchestrall.Of(n)
}
