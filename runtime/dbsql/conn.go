package dbsql

import (
	"context"
	"database/sql/driver"
	"errors"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

type value = orchestrall.Value

// conn is an instrumented connection without the interfaces whose absence
// database/sql would notice; newConn adds those that the driver's has.
type conn struct {
	inner    driver.Conn
	source   *database.Source
	pinger   driver.Pinger // these are nil where inner is none
	preparer driver.ConnPrepareContext
	beginner driver.ConnBeginTx
	checker  driver.NamedValueChecker
	rows     rows // of a query, where no other has them; a connection is never used by two at once
	recent   database.Recent
}

func (c *conn) statement(query string) *database.Statement { return c.recent.Of(c.source, query) }

// newConn wraps a connection. Execer and queryer decide whether arguments are
// converted before a statement is prepared, and a resetter that is a validator,
// too, whether a connection outlives a transaction whose context has ended.
func newConn(dc driver.Conn, s *database.Source) driver.Conn {
	if _, again := dc.(interface{ driverConn() driver.Conn }); again {
		return dc
	}
	c := &conn{inner: dc, source: s}
	c.pinger, _ = dc.(driver.Pinger)
	c.preparer, _ = dc.(driver.ConnPrepareContext)
	c.beginner, _ = dc.(driver.ConnBeginTx)
	c.checker, _ = dc.(driver.NamedValueChecker)
	x, executes := newExecer(c)
	q, queries := newQueryer(c)
	r, resets := dc.(driver.SessionResetter)
	v, validates := dc.(driver.Validator)
	switch {
	case resets && validates:
		return withSession(c, x, executes, q, queries, r, v)
	case validates:
		return withValidator(c, x, executes, q, queries, v)
	case resets:
		return withResetter(c, x, executes, q, queries, r)
	}
	return withStatements(c, x, executes, q, queries)
}

func withSession(c *conn, x execer, executes bool, q queryer, queries bool, r driver.SessionResetter, v driver.Validator) driver.Conn {
	switch {
	case executes && queries:
		return struct {
			*conn
			execer
			queryer
			driver.SessionResetter
			driver.Validator
		}{c, x, q, r, v}
	case executes:
		return struct {
			*conn
			execer
			driver.SessionResetter
			driver.Validator
		}{c, x, r, v}
	case queries:
		return struct {
			*conn
			queryer
			driver.SessionResetter
			driver.Validator
		}{c, q, r, v}
	}
	return struct {
		*conn
		driver.SessionResetter
		driver.Validator
	}{c, r, v}
}

func withValidator(c *conn, x execer, executes bool, q queryer, queries bool, v driver.Validator) driver.Conn {
	switch {
	case executes && queries:
		return struct {
			*conn
			execer
			queryer
			driver.Validator
		}{c, x, q, v}
	case executes:
		return struct {
			*conn
			execer
			driver.Validator
		}{c, x, v}
	case queries:
		return struct {
			*conn
			queryer
			driver.Validator
		}{c, q, v}
	}
	return struct {
		*conn
		driver.Validator
	}{c, v}
}

func withResetter(c *conn, x execer, executes bool, q queryer, queries bool, r driver.SessionResetter) driver.Conn {
	switch {
	case executes && queries:
		return struct {
			*conn
			execer
			queryer
			driver.SessionResetter
		}{c, x, q, r}
	case executes:
		return struct {
			*conn
			execer
			driver.SessionResetter
		}{c, x, r}
	case queries:
		return struct {
			*conn
			queryer
			driver.SessionResetter
		}{c, q, r}
	}
	return struct {
		*conn
		driver.SessionResetter
	}{c, r}
}

func withStatements(c *conn, x execer, executes bool, q queryer, queries bool) driver.Conn {
	switch {
	case executes && queries:
		return struct {
			*conn
			execer
			queryer
		}{c, x, q}
	case executes:
		return struct {
			*conn
			execer
		}{c, x}
	case queries:
		return struct {
			*conn
			queryer
		}{c, q}
	}
	return c
}

func (c *conn) driverConn() driver.Conn { return c.inner }

// Close implements driver.Conn.
func (c *conn) Close() error { return c.inner.Close() }

// Ping implements driver.Pinger. database/sql takes a connection that cannot
// ping for one that answers.
func (c *conn) Ping(ctx context.Context) (err error) {
	if c.pinger == nil {
		return nil
	}
	a := database.About{Source: c.source, Operation: "PING"}
	fill := func(i int) value { return a.Value(i, err) }
	ctx, call := database.Pings.Start(ctx, fill)
	defer call.EndErr(&err, fill)
	return c.pinger.Ping(ctx)
}

// CheckNamedValue implements driver.NamedValueChecker. ErrSkip leads
// database/sql to what it does for a connection without one.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if c.checker == nil {
		return driver.ErrSkip
	}
	return c.checker.CheckNamedValue(v)
}

// Prepare implements driver.Conn; database/sql calls PrepareContext.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (s driver.Stmt, err error) {
	p := c.statement(query)
	a := database.About{Source: c.source, Operation: "PREPARE", Statement: p}
	fill := func(i int) value { return a.Value(i, err) }
	ctx, call := database.Prepares.Start(ctx, fill)
	defer call.EndErr(&err, fill)
	s, err = c.prepare(ctx, query)
	if err != nil || s == nil {
		return s, err
	}
	return newStmt(s, c, p), nil
}

// prepare does what database/sql does.
func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if c.preparer != nil {
		return c.preparer.PrepareContext(ctx, query)
	}
	s, err := c.inner.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close()
		return nil, ctx.Err()
	}
	return s, err
}

// Begin implements driver.Conn; database/sql calls BeginTx.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (t driver.Tx, err error) {
	a := database.About{Source: c.source, Operation: "BEGIN"}
	fill := func(i int) value { return a.Value(i, err) }
	inside, call := database.Begins.Start(ctx, fill)
	defer call.EndErr(&err, fill)
	t, err = c.begin(inside, opts)
	if err != nil || t == nil {
		return t, err
	}
	return &tx{inner: t, source: c.source, ctx: ctx}, nil
}

// begin does what database/sql does, in its words.
func (c *conn) begin(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.beginner != nil {
		return c.beginner.BeginTx(ctx, opts)
	}
	if opts.Isolation != 0 {
		return nil, errors.New("sql: driver does not support non-default isolation level")
	}
	if opts.ReadOnly {
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	t, err := c.inner.Begin() //nolint:staticcheck // database/sql calls it for drivers that have nothing else
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback()
		return nil, ctx.Err()
	}
	return t, err
}

// tx ends a transaction as a child of the span that began it.
type tx struct {
	inner  driver.Tx
	source *database.Source
	ctx    context.Context
}

// Commit implements driver.Tx.
func (t *tx) Commit() (err error) {
	a := database.About{Source: t.source, Operation: "COMMIT"}
	fill := func(i int) value { return a.Value(i, err) }
	_, call := database.Commits.Start(t.ctx, fill)
	defer call.EndErr(&err, fill)
	return t.inner.Commit()
}

// Rollback implements driver.Tx.
func (t *tx) Rollback() (err error) {
	a := database.About{Source: t.source, Operation: "ROLLBACK"}
	fill := func(i int) value { return a.Value(i, err) }
	_, call := database.Rollbacks.Start(t.ctx, fill)
	defer call.EndErr(&err, fill)
	return t.inner.Rollback()
}
