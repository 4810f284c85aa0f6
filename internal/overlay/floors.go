package overlay

import "golang.org/x/mod/semver"

// floors are the oldest versions that the runtime and its hooks are known to
// work with, of modules that OpenTelemetry's go.mod files ask for in whatever
// version was the newest at their release. Programs have many of them already,
// and theirs will do. What belongs to OpenTelemetry, or to Prometheus, goes
// together in one version, and so is not here.
//
// The tests of the runtime and of the hooks for gRPC pass with all of them at
// once, and the newest gRPC runs on the floors of the others.
var floors = map[string]string{
	"github.com/go-logr/logr":                   "v1.4.2",
	"golang.org/x/net":                          "v0.47.0",
	"golang.org/x/sys":                          "v0.28.0",
	"golang.org/x/text":                         "v0.21.0",
	"google.golang.org/genproto/googleapis/api": "v0.0.0-20241202173237-19429a94021a",
	"google.golang.org/genproto/googleapis/rpc": "v0.0.0-20241202173237-19429a94021a",
	"google.golang.org/grpc":                    "v1.66.0",
	"google.golang.org/protobuf":                "v1.36.1",
}

// suffices reports whether the runtime works with the user's version.
func (c change) suffices() bool {
	floor := floors[c.path]
	return floor != "" && semver.IsValid(c.was) && semver.Compare(c.was, floor) >= 0
}
