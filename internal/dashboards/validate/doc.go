// Package validate reads the dashboards that the tool writes with Grafana's own
// types. It is a module of its own: these types are of no use to the tool, and
// their size would be a burden to everybody who builds it.
package validate
