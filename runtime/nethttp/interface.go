package nethttp

import (
	"io"
	"net"
	"net/http"
	"net/url"
)

// The functions of this file stand in for methods that are called through an
// interface, of whatever name. A value that is of net/http's own type is traced
// as where it is called by that type; any other is called as it is, since it
// may well be the program's own and end in calls that are traced themselves.

// InterfaceDo is d.Do: [ClientDo] where d holds a *http.Client.
func InterfaceDo(d interface {
	Do(req *http.Request) (*http.Response, error)
}, req *http.Request,
) (*http.Response, error) {
	if c, ok := d.(*http.Client); ok {
		return ClientDo(c, req)
	}
	return d.Do(req)
}

// InterfaceGet is d.Get: [ClientGet] where d holds a *http.Client.
func InterfaceGet(d interface {
	Get(url string) (*http.Response, error)
}, url string,
) (*http.Response, error) {
	if c, ok := d.(*http.Client); ok {
		return ClientGet(c, url)
	}
	return d.Get(url)
}

// InterfaceHead is d.Head: [ClientHead] where d holds a *http.Client.
func InterfaceHead(d interface {
	Head(url string) (*http.Response, error)
}, url string,
) (*http.Response, error) {
	if c, ok := d.(*http.Client); ok {
		return ClientHead(c, url)
	}
	return d.Head(url)
}

// InterfacePost is d.Post: [ClientPost] where d holds a *http.Client.
func InterfacePost(d interface {
	Post(url, contentType string, body io.Reader) (*http.Response, error)
}, url, contentType string, body io.Reader,
) (*http.Response, error) {
	if c, ok := d.(*http.Client); ok {
		return ClientPost(c, url, contentType, body)
	}
	return d.Post(url, contentType, body)
}

// InterfacePostForm is d.PostForm: [ClientPostForm] where d holds a *http.Client.
func InterfacePostForm(d interface {
	PostForm(url string, data url.Values) (*http.Response, error)
}, url string, data url.Values,
) (*http.Response, error) {
	if c, ok := d.(*http.Client); ok {
		return ClientPostForm(c, url, data)
	}
	return d.PostForm(url, data)
}

// InterfaceRoundTrip is rt.RoundTrip: [TransportRoundTrip] where rt holds a
// *http.Transport. In the transport of a client whose requests are traced that
// makes no second span.
func InterfaceRoundTrip(rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	if t, ok := rt.(*http.Transport); ok {
		return TransportRoundTrip(t, req)
	}
	return rt.RoundTrip(req)
}

// InterfaceListenAndServe is s.ListenAndServe: [ServerListenAndServe] where s
// holds a *http.Server.
func InterfaceListenAndServe(s interface{ ListenAndServe() error }) error {
	if own, ok := s.(*http.Server); ok {
		return ServerListenAndServe(own)
	}
	return s.ListenAndServe()
}

// InterfaceListenAndServeTLS is s.ListenAndServeTLS: [ServerListenAndServeTLS]
// where s holds a *http.Server.
func InterfaceListenAndServeTLS(s interface {
	ListenAndServeTLS(certFile, keyFile string) error
}, certFile, keyFile string,
) error {
	if own, ok := s.(*http.Server); ok {
		return ServerListenAndServeTLS(own, certFile, keyFile)
	}
	return s.ListenAndServeTLS(certFile, keyFile)
}

// InterfaceServe is s.Serve: [ServerServe] where s holds a *http.Server.
func InterfaceServe(s interface{ Serve(l net.Listener) error }, l net.Listener) error {
	if own, ok := s.(*http.Server); ok {
		return ServerServe(own, l)
	}
	return s.Serve(l)
}

// InterfaceServeTLS is s.ServeTLS: [ServerServeTLS] where s holds a *http.Server.
func InterfaceServeTLS(s interface {
	ServeTLS(l net.Listener, certFile, keyFile string) error
}, l net.Listener, certFile, keyFile string,
) error {
	if own, ok := s.(*http.Server); ok {
		return ServerServeTLS(own, l, certFile, keyFile)
	}
	return s.ServeTLS(l, certFile, keyFile)
}
