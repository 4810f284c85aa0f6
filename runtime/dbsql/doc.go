// Package dbsql stands between woven code and database/sql: every query, every
// statement, every transaction and every connection of a database that woven
// code opens becomes a span, a value in database_query_duration_seconds and,
// at DEBUG, a log line, whatever the driver. Its pool is a set of metrics.
//
// The driver's connector is wrapped, and with it what it returns. The program
// sees none of that: DB.Driver returns the driver itself, ConnRaw hands over
// the driver's own connection, and database/sql finds exactly the optional
// interfaces that the driver's types have. Where the difference would not show
// (database/sql does the same for a driver without Pinger as for one whose
// Ping does nothing) the wrapper has the method always.
//
// Statements are recorded without literals and comments, never with arguments.
package dbsql
