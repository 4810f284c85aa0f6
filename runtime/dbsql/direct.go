package dbsql

import (
	"context"
	"database/sql/driver"
	"errors"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// execer is the part of a connection that runs statements without preparing
// them.
type execer struct {
	conn *conn
	with driver.ExecerContext
	old  driver.Execer //nolint:staticcheck // what old drivers have
}

func newExecer(c *conn) (x execer, ok bool) {
	x.conn = c
	if x.with, ok = c.inner.(driver.ExecerContext); !ok {
		x.old, ok = c.inner.(driver.Execer) //nolint:staticcheck // what old drivers have
	}
	return x, ok
}

// ExecContext implements driver.ExecerContext.
func (x execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	a := database.About{Source: x.conn.source, Statement: x.conn.statement(query)}
	var call orchestrall.Call
	ctx = a.Statement.Execs.Start(ctx, &call)
	defer call.EndErr(&err, func(i int) value { return a.Value(i, err) })
	if x.with != nil {
		r, err = x.with.ExecContext(ctx, query, args)
	} else {
		var values []driver.Value
		if values, err = positional(ctx, args); err == nil {
			r, err = x.old.Exec(query, values)
		}
	}
	if err == driver.ErrSkip { //nolint:errorlint // database/sql compares it so
		call.Discard()
	}
	return r, err
}

// queryer is the part of a connection that queries without preparing.
type queryer struct {
	conn *conn
	with driver.QueryerContext
	old  driver.Queryer //nolint:staticcheck // what old drivers have
}

func newQueryer(c *conn) (q queryer, ok bool) {
	q.conn = c
	if q.with, ok = c.inner.(driver.QueryerContext); !ok {
		q.old, ok = c.inner.(driver.Queryer) //nolint:staticcheck // what old drivers have
	}
	return q, ok
}

// QueryContext implements driver.QueryerContext.
func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (_ driver.Rows, err error) {
	r := q.conn.query(q.conn.statement(query))
	ctx = r.about.Statement.Queries.Start(ctx, &r.call)
	defer r.call.EndErr(&err, func(i int) value { return r.about.Value(i, err) })
	var inner driver.Rows
	if q.with != nil {
		inner, err = q.with.QueryContext(ctx, query, args)
	} else {
		var values []driver.Value
		if values, err = positional(ctx, args); err == nil {
			inner, err = q.old.Query(query, values)
		}
	}
	if err == driver.ErrSkip { //nolint:errorlint // database/sql compares it so
		r.call.Discard()
	}
	if err != nil || inner == nil {
		return inner, err
	}
	return r.open(ctx, inner), nil
}

// positional does what database/sql does for drivers that take no names.
func positional(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}
