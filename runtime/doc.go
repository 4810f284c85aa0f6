// Package orchestrall is the hot path of instrumented programs: one Operation
// variable a traced function, one Start call and one deferred End.
//
// Everything that is the same for every call of a function (names, kind,
// metric, attributes, file and line) is worked out once, when the operation is
// registered. What is left for a call without a sampled trace is two readings
// of the monotonic clock and one histogram observation, and no allocation.
//
// The package knows the OpenTelemetry API, the Prometheus client and log/slog,
// but neither an SDK nor an exporter. It works with whatever tracer provider,
// registry and logger the program has installed; runtime/bootstrap installs
// them for programs that have none.
//
// Nothing in here may change what the program does: a panic inside telemetry
// is contained, a panic of the traced function goes on with the same value,
// and a nil context stays nil.
package orchestrall
