package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// Get is http.Get, traced.
func Get(url string) (*http.Response, error) { return ClientGet(http.DefaultClient, url) }

// Head is http.Head, traced.
func Head(url string) (*http.Response, error) { return ClientHead(http.DefaultClient, url) }

// Post is http.Post, traced.
func Post(url, contentType string, body io.Reader) (*http.Response, error) {
	return ClientPost(http.DefaultClient, url, contentType, body)
}

// PostForm is http.PostForm, traced.
func PostForm(url string, data url.Values) (*http.Response, error) {
	return ClientPostForm(http.DefaultClient, url, data)
}

// ClientDo is c.Do, traced. c stays as it is; redirects have spans of their own.
func ClientDo(c *http.Client, req *http.Request) (*http.Response, error) {
	return traced(c).Do(req)
}

// ClientGet is c.Get, traced.
func ClientGet(c *http.Client, url string) (*http.Response, error) { return traced(c).Get(url) }

// ClientHead is c.Head, traced.
func ClientHead(c *http.Client, url string) (*http.Response, error) { return traced(c).Head(url) }

// ClientPost is c.Post, traced.
func ClientPost(c *http.Client, url, contentType string, body io.Reader) (*http.Response, error) {
	return traced(c).Post(url, contentType, body)
}

// ClientPostForm is c.PostForm, traced.
func ClientPostForm(c *http.Client, url string, data url.Values) (*http.Response, error) {
	return traced(c).PostForm(url, data)
}

// traced is c with another transport. A nil client panics as it does without us.
func traced(c *http.Client) *http.Client {
	if c == nil {
		return nil
	}
	if _, done := c.Transport.(*transport); done {
		return c
	}
	own := *c
	own.Transport = Transport(c.Transport)
	return &own
}

// Transport returns rt with a span and the metrics of each request, and with the
// trace in the headers. A nil rt is http.DefaultTransport, as for http.Client. A
// RoundTripper that this function has returned comes back as it is, and a request
// that passes several of them is traced once.
//
// The span ends when the response's body has been read or closed, and at once
// when there is none or the status is an error.
func Transport(rt http.RoundTripper) http.RoundTripper {
	if t, ok := rt.(*transport); ok {
		return t
	}
	return &transport{base: rt}
}

// ClientTransport is [Transport] for the field of an http.Client, which the
// program may read again: a *http.Transport stays what it is, since programs
// assert that type. Calls of such a client's methods are traced all the same.
func ClientTransport(rt http.RoundTripper) http.RoundTripper {
	switch rt.(type) {
	case nil, *http.Transport:
		return rt
	}
	return Transport(rt)
}

// TransportRoundTrip is t.RoundTrip, traced.
func TransportRoundTrip(t *http.Transport, req *http.Request) (*http.Response, error) {
	if t == nil {
		return t.RoundTrip(req) // panics as it does without us
	}
	return (&transport{base: t}).RoundTrip(req)
}

type transport struct{ base http.RoundTripper } // nil: whatever http.DefaultTransport is

func (t *transport) roundTripper() http.RoundTripper {
	if t.base == nil {
		return http.DefaultTransport
	}
	return t.base
}

// CloseIdleConnections is what http.Client.CloseIdleConnections asks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.roundTripper().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base := t.roundTripper()
	if req == nil || req.URL == nil || req.Header == nil { // for the transport to refuse
		return base.RoundTrip(req)
	}
	parent := req.Context()
	if a, _ := parent.Value(attemptKey{}).(*attempt); a != nil && a.same(req) {
		return base.RoundTrip(req)
	}
	a := newAttempt(parent, req)
	ctx := a.begin()
	defer a.panicked()
	sent := a.request(ctx, req)
	resp, err := base.RoundTrip(sent)
	a.returned = true
	if resp != nil && resp.Request == sent {
		resp.Request = req
	}
	a.answered(resp, err)
	return resp, err
}

// request is req with ctx, and with the trace in its headers; the caller's
// request is never written to.
func (a *attempt) request(ctx context.Context, req *http.Request) *http.Request {
	sent := req.WithContext(ctx)
	if f := propagator(); f.injects(ctx) {
		sent.Header = req.Header.Clone()
		f.inject(ctx, sent.Header)
	}
	return sent
}
