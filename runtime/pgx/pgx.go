// Package pgx stands between woven code and pgx where that is used without
// database/sql: queries, batches, copies, transactions, prepared statements and
// connections become the same spans, values in database_query_duration_seconds
// and log lines as those of database/sql (see package dbsql), and a pool is the
// same set of metrics.
//
// Connections get a tracer of pgx's own kind. One that the program has chosen is
// told everything, too; one that makes spans of OpenTelemetry is left alone, and
// then there are these only.
package pgx

import (
	"context"
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Connect is [pgx.Connect].
func Connect(ctx context.Context, connString string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, err
	}
	return ConnectConfig(ctx, config)
}

// ConnectWithOptions is [pgx.ConnectWithOptions].
func ConnectWithOptions(ctx context.Context, connString string, options pgx.ParseConfigOptions) (*pgx.Conn, error) {
	config, err := pgx.ParseConfigWithOptions(connString, options)
	if err != nil {
		return nil, err
	}
	return ConnectConfig(ctx, config)
}

// ConnectConfig is [pgx.ConnectConfig].
func ConnectConfig(ctx context.Context, connConfig *pgx.ConnConfig) (*pgx.Conn, error) {
	if connConfig == nil {
		return pgx.ConnectConfig(ctx, nil)
	}
	own := *connConfig
	install(&own)
	return pgx.ConnectConfig(ctx, &own)
}

// install gives the connections of a configuration a tracer, unless they have
// one that makes spans already.
func install(c *pgx.ConnConfig) {
	if _, again := c.Tracer.(*tracer); !again && !byHand(c.Tracer) {
		c.Tracer = newTracer(c, c.Tracer)
	}
}

// byHand is true for tracers of OpenTelemetry and of vendors, and for pgx's
// combination of several where one of them is such.
func byHand(t any) bool {
	if t == nil {
		return false
	}
	v := reflect.ValueOf(t)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch path := v.Type().PkgPath(); {
	case strings.Contains(path, "otel") && strings.Contains(path, "pgx"), // otelpgx and pgxotel, of several owners
		strings.HasPrefix(path, "go.opentelemetry.io/"), strings.HasPrefix(path, "github.com/DataDog/"),
		strings.HasPrefix(path, "gopkg.in/DataDog/"), strings.HasPrefix(path, "go.elastic.co/apm/"),
		strings.HasPrefix(path, "github.com/signalfx/splunk-otel-go/"):
		return true
	case path != "github.com/jackc/pgx/v5/multitracer" || v.Kind() != reflect.Struct:
		return false
	}
	all, _ := v.FieldByName("QueryTracers").Interface().([]pgx.QueryTracer)
	for _, t := range all {
		if byHand(t) {
			return true
		}
	}
	return false
}
