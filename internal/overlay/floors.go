package overlay

import (
	"slices"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

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

// oldFloor is that of a module where nothing that came in imports it but
// another one up to a version: gRPC no newer than the runtime's own does with an
// older golang.org/x/net. The runtime's tests pass with it.
var oldFloor = struct{ of, importer module.Version }{
	of:       module.Version{Path: "golang.org/x/net", Version: "v0.35.0"},
	importer: module.Version{Path: "google.golang.org/grpc", Version: "v1.72.1"},
}

// sufficesOld reports whether the user's version is from oldFloor on, and all
// that imports the module is as it says.
func (c change) sufficesOld(inserted []part, from map[string]string) bool {
	if c.path != oldFloor.of.Path || !semver.IsValid(c.was) || semver.Compare(c.was, oldFloor.of.Version) < 0 {
		return false
	}
	for _, p := range inserted {
		if p.Module == nil || p.Module.Path == c.path || p.Module.Path == oldFloor.importer.Path && semver.Compare(p.Module.Version, oldFloor.importer.Version) <= 0 {
			continue
		}
		if slices.ContainsFunc(p.Imports, func(path string) bool { return from[path] == c.path }) {
			return false
		}
	}
	return true
}
