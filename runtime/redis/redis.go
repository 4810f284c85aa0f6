// Package redis stands between woven code and go-redis: each constructor of a
// client makes the client as go-redis does and installs the instrumentation
// that go-redis ships, redisotel. Commands and pipelines become client spans
// (db.system, server.address, server.port), and the pool reports its
// connections as metrics. What commands say is left out: their arguments are
// data.
//
// Nothing here is meant to be called by hand; a program that wants redisotel of
// its own calls it, and then these functions are not woven.
package redis

import (
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
)

// NewClient is [redis.NewClient].
func NewClient(opt *redis.Options) *redis.Client {
	return instrumented(redis.NewClient(opt))
}

// NewFailoverClient is [redis.NewFailoverClient].
func NewFailoverClient(opt *redis.FailoverOptions) *redis.Client {
	return instrumented(redis.NewFailoverClient(opt))
}

// NewClusterClient is [redis.NewClusterClient]. Nodes that the program makes
// itself come from a woven constructor already.
func NewClusterClient(opt *redis.ClusterOptions) *redis.ClusterClient {
	if opt != nil && opt.NewClient != nil {
		return redis.NewClusterClient(opt)
	}
	return instrumented(redis.NewClusterClient(opt))
}

// NewFailoverClusterClient is [redis.NewFailoverClusterClient].
func NewFailoverClusterClient(opt *redis.FailoverOptions) *redis.ClusterClient {
	return instrumented(redis.NewFailoverClusterClient(opt))
}

// NewRing is [redis.NewRing]. Shards that the program makes itself come from a
// woven constructor already.
func NewRing(opt *redis.RingOptions) *redis.Ring {
	if opt != nil && opt.NewClient != nil {
		return redis.NewRing(opt)
	}
	return instrumented(redis.NewRing(opt))
}

// NewUniversalClient is [redis.NewUniversalClient].
func NewUniversalClient(opt *redis.UniversalOptions) redis.UniversalClient {
	return instrumented(redis.NewUniversalClient(opt))
}

// instrumented never costs the program its client: the only error that
// redisotel knows is that of a type that it does not.
func instrumented[C redis.UniversalClient](client C) (same C) {
	defer func() {
		_ = recover()
		same = client
	}()
	_ = redisotel.InstrumentTracing(client, redisotel.WithDBStatement(false))
	_ = redisotel.InstrumentMetrics(client)
	return client
}
