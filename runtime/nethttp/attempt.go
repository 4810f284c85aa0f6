package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// ClientOperation is the operation of requests that a client sends, as metrics,
// log lines and /-/operations name it.
const ClientOperation = "http.client"

var client orchestrall.Operation

// The fields of client.
const (
	clientName = iota
	clientMethodLabel
	clientAddressLabel
	clientMethod
	clientMethodOriginal
	clientURL
	clientAddress
	clientPort
	clientStatus
	clientResends
	clientProtocol
)

func init() {
	attribute := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Attribute, Key: key, AtEnd: true}
	}
	label := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Label, Key: key, AtEnd: true}
	}
	client.Register(orchestrall.Spec{
		Name: ClientOperation, SpanName: "{0}", Kind: orchestrall.Client,
		// Whoever sent the request gets the status or the error and knows
		// what it means; a 404 is the answer to many a question.
		Log: "off",
		Fields: []orchestrall.Field{
			clientName:           {Role: orchestrall.NamePart, AtEnd: true},
			clientMethodLabel:    label("method"),
			clientAddressLabel:   label("server_address"),
			clientMethod:         attribute("http.request.method"),
			clientMethodOriginal: attribute("http.request.method_original"),
			clientURL:            attribute("url.full"),
			clientAddress:        attribute("server.address"),
			clientPort:           attribute("server.port"),
			clientStatus:         attribute("http.response.status_code"),
			clientResends:        attribute("http.request.resend_count"),
			clientProtocol:       attribute("network.protocol.version"),
		},
	})
}

// An attempt is one request that a client sends. It is the context below the
// span's, so that a transport further in knows that the request is traced.
type attempt struct {
	parent  context.Context
	call    orchestrall.Call
	method  string
	url     url.URL
	host    string
	port    int
	resends int

	status   int
	major    int
	minor    int
	returned bool
	ended    atomic.Bool
}

type attemptKey struct{}

func newAttempt(parent context.Context, req *http.Request) *attempt {
	a := &attempt{parent: parent, method: req.Method, url: *req.URL, host: req.URL.Hostname()}
	a.port, _ = strconv.Atoi(req.URL.Port())
	if a.port == 0 {
		switch req.URL.Scheme {
		case "http":
			a.port = 80
		case "https":
			a.port = 443
		}
	}
	for r := req.Response; r != nil && r.Request != nil && a.resends < maxResends; r = r.Request.Response {
		a.resends++
	}
	return a
}

// maxResends ends the count of redirects of a program that follows more of them
// than http.Client ever does.
const maxResends = 100

// same reports whether a transport further in got the request that a traces,
// perhaps with another URL: a copy has the trace in its headers. A transport may
// also send requests of its own under the context of the one that it was given;
// for a token, say.
func (a *attempt) same(req *http.Request) bool {
	return a.method == req.Method && a.url.Host == req.URL.Host && a.url.Scheme == req.URL.Scheme &&
		a.url.Path == req.URL.Path && a.url.RawQuery == req.URL.RawQuery || propagator().injected(req.Header)
}

func (a *attempt) begin() (ctx context.Context) {
	ctx, a.call = client.Start(a)
	return ctx
}

// panicked is deferred for the case that the transport panics.
func (a *attempt) panicked() {
	if !a.returned {
		a.end(errPanicked)
	}
}

// answered ends the attempt now or with the body of the response.
func (a *attempt) answered(resp *http.Response, err error) {
	if err != nil || resp == nil {
		a.end(failure(err))
		return
	}
	a.status, a.major, a.minor = resp.StatusCode, resp.ProtoMajor, resp.ProtoMinor
	switch {
	case resp.StatusCode >= 400:
		a.end(statusError(resp.StatusCode))
	case resp.Body == nil || resp.Body == http.NoBody || !readOnly(resp.Body):
		a.end(nil)
	default:
		resp.Body = a.watch(resp.Body)
	}
}

// end ends the attempt, once.
func (a *attempt) end(err error) {
	if a.ended.Swap(true) {
		return
	}
	a.call.EndErr(&err, func(field int) orchestrall.Value { return a.field(field) })
}

func (a *attempt) field(field int) orchestrall.Value {
	switch field {
	case clientName:
		return orchestrall.Of(spanName(methodName(a.method), ""))
	case clientMethodLabel, clientMethod:
		return orchestrall.Of(methodName(a.method))
	case clientMethodOriginal:
		if methodName(a.method) == otherMethod {
			return text(a.method)
		}
	case clientAddressLabel:
		return orchestrall.Of(a.host)
	case clientURL:
		return text(shown(&a.url))
	case clientAddress:
		return text(a.host)
	case clientPort:
		return number(a.port)
	case clientStatus:
		return number(a.status)
	case clientResends:
		return number(a.resends)
	case clientProtocol:
		return text(protocol(a.major, a.minor))
	}
	return orchestrall.Value{}
}

// Deadline implements context.Context.
func (a *attempt) Deadline() (time.Time, bool) { return a.parent.Deadline() }

// Done implements context.Context.
func (a *attempt) Done() <-chan struct{} { return a.parent.Done() }

// Err implements context.Context.
func (a *attempt) Err() error { return a.parent.Err() }

// Value implements context.Context.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.parent.Value(key)
}

// clientError is a transport's error in the words of telemetry. The caller gets
// the error itself.
type clientError struct {
	error
	name string
}

// Unwrap returns the transport's error.
func (e clientError) Unwrap() error { return e.error }

// ErrorType is what dashboards group by.
func (e clientError) ErrorType() string { return e.name }

var (
	errPanicked = clientError{errors.New("the transport panicked"), "panic"}
	errNoAnswer = clientError{errors.New("the transport returned neither a response nor an error"), "_OTHER"}
	plainErrors = reflect.TypeOf(errors.New(""))
)

func failure(err error) error {
	var timeout net.Error
	var op *net.OpError
	switch {
	case err == nil:
		return errNoAnswer
	case errors.Is(err, context.Canceled):
		return clientError{err, "context.Canceled"}
	case errors.Is(err, context.DeadlineExceeded):
		return clientError{err, "context.DeadlineExceeded"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return clientError{err, "timeout"}
	case errors.As(err, &op) && op.Err != nil:
		return clientError{err, reflect.TypeOf(op.Err).String()}
	case reflect.TypeOf(err) == plainErrors:
		return clientError{err, "_OTHER"}
	}
	return err
}
