// Package nethttp is the hook of net/http: a span and the metrics of each
// request that a server answers and of each that a client sends, and the trace
// that travels in the headers. Woven code calls it in the place of net/http's
// functions; by hand, [Handler] and [Transport] do the same.
//
// A server's request is the operation http.server: a span named by method and
// route, http_request_duration_seconds with method and route, and
// http_requests_total with method, route and code. A client's request is the
// operation http.client: a span named by the method, and
// client_request_duration_seconds with method and server_address. Redirects are
// requests of their own.
//
// No header but the trace context, no body and no query is recorded, except for
// a client's url.full, in which credentials and the values of secret parameters
// are masked.
package nethttp
