// Package trouble holds tests only: an instrumented program runs as a process
// of its own while the places to which its telemetry goes misbehave. It must do
// what it does without telemetry, keep what it holds bounded, count what it
// loses, and leave nothing behind.
//
// It is a module of its own, so that programs which require the runtime do not
// inherit what only these tests need.
package trouble
