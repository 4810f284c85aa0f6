package dbsql

import (
	"context"
	"database/sql/driver"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// stmt is an instrumented prepared statement.
type stmt struct {
	inner    driver.Stmt
	conn     *conn
	prepared *database.Statement
	checker  driver.NamedValueChecker // the statement's, else the connection's
	execs    driver.StmtExecContext   // nil where inner is none
	queries  driver.StmtQueryContext
}

func newStmt(s driver.Stmt, c *conn, p *database.Statement) driver.Stmt {
	w := &stmt{inner: s, conn: c, prepared: p}
	var ok bool
	if w.checker, ok = s.(driver.NamedValueChecker); !ok {
		w.checker = c.checker
	}
	w.execs, _ = s.(driver.StmtExecContext)
	w.queries, _ = s.(driver.StmtQueryContext)
	if cc, ok := s.(driver.ColumnConverter); ok { //nolint:staticcheck // what old drivers have
		return struct {
			*stmt
			converter
		}{w, converter{cc}}
	}
	return w
}

// converter has a name other than its method's, which an embedded
// driver.ColumnConverter would hide.
type converter struct {
	inner driver.ColumnConverter //nolint:staticcheck // what old drivers have
}

// ColumnConverter implements driver.ColumnConverter.
func (c converter) ColumnConverter(i int) driver.ValueConverter { return c.inner.ColumnConverter(i) }

// Close implements driver.Stmt.
func (s *stmt) Close() error { return s.inner.Close() }

// NumInput implements driver.Stmt.
func (s *stmt) NumInput() int { return s.inner.NumInput() }

// CheckNamedValue implements driver.NamedValueChecker. ErrSkip leads
// database/sql to what it does for a statement without one.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if s.checker == nil {
		return driver.ErrSkip
	}
	return s.checker.CheckNamedValue(v)
}

// Exec implements driver.Stmt; database/sql calls ExecContext.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.inner.Exec(args) //nolint:staticcheck // part of the interface
}

// Query implements driver.Stmt; database/sql calls QueryContext.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.inner.Query(args) //nolint:staticcheck // part of the interface
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (r driver.Result, err error) {
	a := database.About{Source: s.conn.source, Statement: s.prepared}
	var call orchestrall.Call
	ctx = s.prepared.Execs.Start(ctx, &call)
	defer call.EndErr(&err, func(i int) value { return a.Value(i, err) })
	if s.execs != nil {
		return s.execs.ExecContext(ctx, args)
	}
	values, err := positional(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.Exec(values)
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (_ driver.Rows, err error) {
	r := s.conn.query(s.prepared)
	ctx = s.prepared.Queries.Start(ctx, &r.call)
	defer r.call.EndErr(&err, func(i int) value { return r.about.Value(i, err) })
	var inner driver.Rows
	if s.queries != nil {
		inner, err = s.queries.QueryContext(ctx, args)
	} else {
		var values []driver.Value
		if values, err = positional(ctx, args); err == nil {
			inner, err = s.Query(values)
		}
	}
	if err != nil || inner == nil {
		return inner, err
	}
	return r.open(ctx, inner), nil
}
