// Package integration proves the monitoring stack with the real programs: it
// starts those that package backends installs, on loopback, with the very files
// of deployment/observability, runs the example platform as the tool builds it,
// and asks them through their APIs. Addresses are substituted, nothing else.
//
// `make integration` runs it, and takes about twenty minutes, because the
// alerts keep the times that the rules say. Without ORCHESTRALL_INTEGRATION=1
// only what needs no program is tested. It is a module of its own, since
// nothing else of the project reads compose files or parses PromQL.
package integration
