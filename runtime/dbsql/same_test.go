package dbsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// fake is a driver whose connections have the optional interfaces that its bits
// say. It writes down what is asked of it.
type fake struct {
	bits uint
	log  []string
}

// The bits, each an interface or a way to behave.
const (
	hasExec uint = 1 << iota
	hasQuery
	contexts // these take a context, or are the old ones without
	hasReset
	hasValid
	hasChecker
	hasConverter
	hasBegin
	hasPing
	skips // direct calls are handed back with ErrSkip
	allBits
)

func (f *fake) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fake) has(bit uint) bool { return f.bits&bit != 0 }

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	f.note("connect")
	return f.conn(), nil
}
func (f *fake) Driver() driver.Driver            { return f }
func (f *fake) Open(string) (driver.Conn, error) { return nil, errors.New("not this way") }
func (f *fake) Close() error                     { f.note("close connector"); return nil }

type fakeConn struct{ *fake }

func (c fakeConn) Prepare(q string) (driver.Stmt, error) {
	c.note("prepare %s", q)
	if strings.Contains(q, "bad") {
		return nil, errBad
	}
	if c.has(hasConverter) {
		return struct {
			fakeStmt
			doubling
		}{fakeStmt(c), doubling{}}, nil
	}
	return fakeStmt(c), nil
}
func (c fakeConn) Close() error              { c.note("close"); return nil }
func (c fakeConn) Begin() (driver.Tx, error) { c.note("begin"); return fakeTx(c), nil }

var errBad = errors.New("bad statement")

type fakeTx struct{ *fake }

func (t fakeTx) Commit() error   { t.note("commit"); return nil }
func (t fakeTx) Rollback() error { t.note("rollback"); return errBad }

type fakeStmt struct{ *fake }

func (s fakeStmt) Close() error  { s.note("close stmt"); return nil }
func (s fakeStmt) NumInput() int { return -1 }
func (s fakeStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.note("stmt exec %v", args)
	return driver.RowsAffected(len(args)), nil
}

func (s fakeStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.note("stmt query %v", args)
	return &fakeRows{fake: s.fake}, nil
}

// doubling doubles numbers, so that it shows whether it was asked.
type doubling struct{}

func (doubling) ColumnConverter(int) driver.ValueConverter { return doubling{} }
func (doubling) ConvertValue(v any) (driver.Value, error) {
	if n, ok := v.(int); ok {
		return int64(2 * n), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

type fakeRows struct {
	*fake
	n int
}

func (r *fakeRows) Columns() []string { return []string{"a"} }
func (r *fakeRows) Close() error      { r.note("close rows"); return nil }
func (r *fakeRows) Next(dest []driver.Value) error {
	if r.n++; r.n > 2 {
		return io.EOF
	}
	dest[0] = int64(r.n)
	return nil
}

type (
	fakePing  struct{ *fake }
	fakeReset struct{ *fake }
	fakeValid struct{ *fake }
	fakeCheck struct{ *fake }
	fakeBegin struct{ *fake }
	execNew   struct{ *fake }
	execOld   struct{ *fake }
	queryNew  struct{ *fake }
	queryOld  struct{ *fake }
)

func (p fakePing) Ping(context.Context) error          { p.note("ping"); return errBad }
func (p fakeReset) ResetSession(context.Context) error { p.note("reset"); return nil }
func (p fakeValid) IsValid() bool                      { p.note("valid"); return true }
func (p fakeCheck) CheckNamedValue(v *driver.NamedValue) error {
	p.note("check %v", v.Value)
	if s, ok := v.Value.(string); ok {
		v.Value = s + "!"
		return nil
	}
	return driver.ErrSkip
}

func (p fakeBegin) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	p.note("begin %v", o)
	return fakeTx(p), nil
}

func (x execNew) ExecContext(_ context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	x.note("exec %s %v", q, args)
	return driver.RowsAffected(7), x.answer(q)
}

func (x execOld) Exec(q string, args []driver.Value) (driver.Result, error) {
	x.note("exec %s %v", q, args)
	return driver.RowsAffected(7), x.answer(q)
}

func (x queryNew) QueryContext(_ context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	x.note("query %s %v", q, args)
	return &fakeRows{fake: x.fake}, x.answer(q)
}

func (x queryOld) Query(q string, args []driver.Value) (driver.Rows, error) {
	x.note("query %s %v", q, args)
	return &fakeRows{fake: x.fake}, x.answer(q)
}

func (f *fake) answer(q string) error {
	switch {
	case f.has(skips):
		return driver.ErrSkip
	case strings.Contains(q, "bad"):
		return errBad
	case strings.Contains(q, "gone"):
		return driver.ErrBadConn
	}
	return nil
}

// conn puts the interfaces together. Ping, checks and transactions come as a
// whole, and without those that run statements.
func (f *fake) conn() driver.Conn {
	type base = struct {
		fakeConn
		fakePing
		fakeCheck
		fakeBegin
	}
	full := base{fakeConn{f}, fakePing{f}, fakeCheck{f}, fakeBegin{f}}
	var c driver.Conn = fakeConn{f}
	if f.has(hasPing | hasChecker | hasBegin) {
		c = full
	}
	switch {
	case f.has(hasExec) && f.has(hasQuery) && f.has(contexts):
		return session(f, struct {
			driver.Conn
			execNew
			queryNew
		}{c, execNew{f}, queryNew{f}})
	case f.has(hasExec) && f.has(contexts):
		return session(f, struct {
			driver.Conn
			execNew
		}{c, execNew{f}})
	case f.has(hasQuery) && f.has(hasExec):
		return session(f, struct {
			driver.Conn
			execOld
			queryOld
		}{c, execOld{f}, queryOld{f}})
	case f.has(hasQuery) && f.has(contexts):
		return session(f, struct {
			driver.Conn
			queryNew
		}{c, queryNew{f}})
	case f.has(hasQuery):
		return session(f, struct {
			driver.Conn
			queryOld
		}{c, queryOld{f}})
	case f.has(hasExec):
		return session(f, struct {
			driver.Conn
			execOld
		}{c, execOld{f}})
	case f.has(hasReset | hasValid):
		return session(f, struct{ driver.Conn }{c})
	}
	return c
}

// session adds what resets and validates to a connection and keeps what it can
// do besides.
func session[C driver.Conn](f *fake, c C) driver.Conn {
	x, _ := any(c).(driver.ExecerContext)
	q, _ := any(c).(driver.QueryerContext)
	if x == nil || q == nil {
		return c
	}
	switch {
	case f.has(hasReset) && f.has(hasValid):
		return struct {
			driver.Conn
			driver.ExecerContext
			driver.QueryerContext
			fakeReset
			fakeValid
		}{c, x, q, fakeReset{f}, fakeValid{f}}
	case f.has(hasReset):
		return struct {
			driver.Conn
			driver.ExecerContext
			driver.QueryerContext
			fakeReset
		}{c, x, q, fakeReset{f}}
	case f.has(hasValid):
		return struct {
			driver.Conn
			driver.ExecerContext
			driver.QueryerContext
			fakeValid
		}{c, x, q, fakeValid{f}}
	}
	return c
}

// use does what a program can do with a database, and notes what it sees.
func use(f *fake, db *sql.DB) {
	ctx := context.Background()
	saw := func(what string, v any, err error) {
		f.note("program: %s %v %v %T", what, v, err, err)
	}
	saw("ping", nil, db.PingContext(ctx))
	for _, q := range []string{"fine", "bad", "gone"} {
		for _, args := range [][]any{nil, {1, "x"}, {sql.Named("n", 1)}} {
			r, err := db.ExecContext(ctx, q, args...)
			n := int64(-1)
			if err == nil {
				n, _ = r.RowsAffected()
			}
			saw("exec", n, err)
			rows, err := db.QueryContext(ctx, q, args...)
			if err != nil {
				saw("query", nil, err)
				continue
			}
			columns, _ := rows.Columns()
			types, _ := rows.ColumnTypes()
			saw("columns", columns, nil)
			saw("type", *types[0], nil)
			for rows.Next() {
				var a int
				saw("row", a, rows.Scan(&a))
			}
			saw("more", rows.NextResultSet(), rows.Err())
			saw("closed", nil, rows.Close())
		}
	}
	var a int
	saw("row", a, db.QueryRowContext(ctx, "fine").Scan(&a))
	s, err := db.PrepareContext(ctx, "fine")
	saw("prepare", nil, err)
	if err == nil {
		_, err = s.Exec(1, "x")
		saw("stmt exec", nil, err)
		saw("stmt query", a, s.QueryRow(2).Scan(&a))
		saw("stmt close", nil, s.Close())
	}
	for _, o := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable}} {
		tx, err := db.BeginTx(ctx, o)
		saw("begin", nil, err)
		if err != nil {
			continue
		}
		_, err = tx.Exec("fine")
		saw("exec", nil, err)
		saw("commit", nil, tx.Commit())
		saw("rollback", nil, tx.Rollback())
	}
	if tx, err := db.Begin(); err == nil {
		saw("rollback", nil, tx.Rollback())
	}
	if c, err := db.Conn(ctx); err == nil {
		saw("raw", nil, ConnRaw(c, func(dc any) error {
			saw("raw is", reflect.TypeOf(dc), nil)
			return errBad
		}))
		saw("close", nil, c.Close())
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.ExecContext(ended, "fine")
	saw("cancelled", nil, err)
	saw("driver", db.Driver() == driver.Driver(f), nil)
	saw("close", nil, db.Close())
}

// TestProgramsAndDriversSeeTheSame compares what both sides see with the
// wrapper between them and without, for all combinations of interfaces.
func TestProgramsAndDriversSeeTheSame(t *testing.T) {
	for bits := range allBits {
		bare, woven := &fake{bits: bits}, &fake{bits: bits}
		db := sql.OpenDB(bare)
		db.SetMaxOpenConns(1)
		use(bare, db)
		db = OpenDB(woven)
		db.SetMaxOpenConns(1)
		use(woven, db)
		for i := range max(len(bare.log), len(woven.log)) {
			got, want := "", ""
			if i < len(woven.log) {
				got = woven.log[i]
			}
			if i < len(bare.log) {
				want = bare.log[i]
			}
			if got != want {
				t.Fatalf("bits %b, event %d: %s\nwant %s\nbefore that: %q", bits, i, got, want, woven.log[max(0, i-6):i])
			}
		}
	}
}
