// Package temporal stands between woven code and Temporal's Go SDK: a client
// gets the tracing interceptor that Temporal ships (contrib/opentelemetry), and
// with it every worker of that client. Workflows, activities, signals, queries
// and updates become spans of the trace that started them, and the trace travels
// in Temporal's own headers. A workflow is one span, also where several workers
// replay it.
//
// A client that the program has given a tracing interceptor itself is left as it
// is.
package temporal

import (
	"context"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Dial is [client.Dial].
func Dial(options client.Options) (client.Client, error) {
	return client.Dial(traced(options))
}

// DialContext is [client.DialContext].
func DialContext(ctx context.Context, options client.Options) (client.Client, error) {
	return client.DialContext(ctx, traced(options))
}

// NewLazyClient is [client.NewLazyClient].
func NewLazyClient(options client.Options) (client.Client, error) {
	return client.NewLazyClient(traced(options))
}

// traced returns options with the interceptor. It comes first, so that the
// program's own run inside of its spans.
func traced(options client.Options) client.Options {
	theirs, err := opentelemetry.NewTracer(opentelemetry.TracerOptions{})
	if err != nil {
		return options
	}
	tracing := interceptor.NewTracingInterceptor(tracer{theirs})
	options.Interceptors = slices.Concat([]interceptor.ClientInterceptor{tracing, &completion{key: theirs.Options().SpanContextKey}}, options.Interceptors)
	return options
}
