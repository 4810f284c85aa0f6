// Package bootstrap stands in for the start of the SDK.
package bootstrap

import _ "github.com/orchestrall/orchestrall/runtime"

type Options struct{ Service string }

func Start(o Options) (stop func()) {
	println("bootstrap", o.Service)
	return func() { println("flush", o.Service) }
}
