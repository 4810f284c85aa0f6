package dbsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// rows holds the call of a query until its rows are closed: many drivers
// compute and fetch rows as they are asked for.
type rows struct {
	inner driver.Rows // nil: not open
	ctx   context.Context
	call  orchestrall.Call
	about database.About
	sets  driver.RowsNextResultSet // nil where inner is none
	n     int64
	err   error // of Next
	whole bool  // the last row was seen
	used  bool  // no longer zero
}

// query returns room for a query: the connection's own, which is used again once
// its rows are closed, since database/sql asks closed rows for nothing.
func (c *conn) query(p *database.Statement) *rows {
	r := &c.rows
	switch {
	case r.inner != nil:
		r = new(rows)
	case r.used: // by a query that has brought no rows
		*r = rows{}
	}
	r.used = true
	r.about.Source, r.about.Statement = c.source, p
	return r
}

// open keeps the call until the rows are closed.
func (r *rows) open(ctx context.Context, inner driver.Rows) driver.Rows {
	r.inner, r.ctx = inner, ctx
	r.sets, _ = inner.(driver.RowsNextResultSet)
	r.about.Rows = &r.n
	r.call.GoOn()
	return r
}

// Columns implements driver.Rows.
func (r *rows) Columns() []string { return r.inner.Columns() }

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	err := r.inner.Next(dest)
	if err == nil {
		r.n++
		return nil
	}
	if err == io.EOF { //nolint:errorlint // database/sql compares it so
		r.whole = !r.HasNextResultSet()
	} else {
		r.err = err
	}
	return err
}

// Close implements driver.Rows. The call ends even if the driver panics.
func (r *rows) Close() (err error) {
	if r.inner == nil {
		return nil
	}
	defer r.end(&err)
	return r.inner.Close()
}

// end ends the call. A reader who stops listening by cancelling has done
// nothing wrong; a deadline that cuts the rows is a failure.
func (r *rows) end(closing *error) {
	err := *closing
	if r.err != nil {
		err = r.err
	}
	if err == nil && !r.whole && errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		err = r.ctx.Err()
	}
	if err != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	r.call.EndErr(&err, func(i int) value { return r.about.Value(i, err) })
	*r = rows{}
}

// HasNextResultSet implements driver.RowsNextResultSet.
func (r *rows) HasNextResultSet() bool {
	return r.sets != nil && r.sets.HasNextResultSet()
}

// NextResultSet implements driver.RowsNextResultSet.
func (r *rows) NextResultSet() error {
	if r.sets != nil {
		return r.sets.NextResultSet()
	}
	return io.EOF
}

// What follows answers for rows without the method as database/sql does.

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.inner.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (r *rows) ColumnTypeLength(i int) (int64, bool) {
	if t, ok := r.inner.(driver.RowsColumnTypeLength); ok {
		return t.ColumnTypeLength(i)
	}
	return 0, false
}

// ColumnTypeNullable implements driver.RowsColumnTypeNullable.
func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if t, ok := r.inner.(driver.RowsColumnTypeNullable); ok {
		return t.ColumnTypeNullable(i)
	}
	return false, false
}

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale.
func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if t, ok := r.inner.(driver.RowsColumnTypePrecisionScale); ok {
		return t.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
