// Package servers holds the tests of runtime/dbsql against real drivers and
// real servers. It is a module of its own, so that no program's module graph
// gets a driver for the sake of them.
package servers
