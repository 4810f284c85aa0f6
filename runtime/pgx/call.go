package pgx

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

type value = orchestrall.Value

// batches and copies are operations that database/sql has not.
var batches, copies orchestrall.Operation

func init() {
	database.Register(&batches, "sql.batch", orchestrall.Field{Key: "db.operation.batch.size", AtEnd: true})
	database.Register(&copies, "sql.copy")
}

const system = "postgresql"

// The operations that are no statement's.
var (
	connecting = resolve(&database.Connects, "CONNECT")
	pinging    = resolve(&database.Pings, "PING")
	preparing  = resolve(&database.Prepares, "PREPARE")
	beginning  = resolve(&database.Begins, "BEGIN")
	committing = resolve(&database.Commits, "COMMIT")
	undoing    = resolve(&database.Rollbacks, "ROLLBACK")
	batching   = resolve(&batches, "BATCH")
	copying    = resolve(&copies, "COPY")
)

func resolve(o *orchestrall.Operation, name string) *orchestrall.Resolved {
	return o.Resolve(orchestrall.Of(system), orchestrall.Of(name))
}

// What a call is doing, as its state.
const (
	free uint32 = iota
	taken
	query // and everything below runs
	prepare
	batch
	copyFrom
)

// call is one that runs on a connection.
type call struct {
	state atomic.Uint32
	call  orchestrall.Call
	about database.About
	rows  int64
	name  string // of a statement that is prepared
	batch *pgx.Batch
	err   error          // the first of a batch's
	table pgx.Identifier // that is copied to
	into  []string       // its columns
}

// calls are those of one connection. A connection runs one at a time, in which
// others may be nested: a statement is prepared for a query, a query fails since
// rows are still open. So the last one that has begun is the first to end, and
// pgx's contexts, which a call without a span leaves as they are, need not tell
// one from the other. A program that uses a connection from two goroutines at
// once, which pgx forbids, gets its calls mixed up, and nothing worse.
type calls [6]call

// take returns room for a call, nil where there is none.
func (a *calls) take(c *pgx.Conn) *call {
	for i := range a {
		if a[i].state.CompareAndSwap(free, taken) {
			return &a[i]
		}
	}
	if c.PgConn().IsBusy() {
		return nil
	}
	a.abandon()
	if a[0].state.CompareAndSwap(free, taken) {
		return &a[0]
	}
	return nil
}

// abandon makes an end of calls of which pgx has not said that they have ended, as
// it does not when the program panics, when it leaves rows or a batch open, or
// when the table of a copy cannot be read.
func (a *calls) abandon() {
	for i := range a {
		if s := a[i].state.Load(); s > taken && a[i].state.CompareAndSwap(s, taken) {
			a[i].call.Discard()
			a[i].done()
		}
	}
}

// last returns the call that has begun last, nil for none. The caller has it to
// itself until it runs again, or is done.
func (a *calls) last(doing uint32) *call {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i].state.Load() == doing && a[i].state.CompareAndSwap(doing, taken) {
			return &a[i]
		}
	}
	return nil
}

// start begins the call.
func (c *call) start(ctx context.Context, doing uint32, o *orchestrall.Resolved) context.Context {
	ctx = o.Start(ctx, &c.call)
	c.state.Store(doing)
	return ctx
}

// done makes room for another call.
func (c *call) done() {
	c.call, c.about, c.rows, c.name, c.batch = orchestrall.Call{}, database.About{}, 0, "", nil
	c.err, c.table, c.into = nil, nil, nil
	c.state.Store(free)
}

func (c *call) end(err error) {
	c.call.EndErr(&err, func(i int) value { return c.about.Value(i, err) })
	c.done()
}

// endQuery ends a query. Who stops listening by cancelling has done nothing wrong.
func (c *call) endQuery(data pgx.TraceQueryEndData) {
	err := data.Err
	switch {
	case err != nil:
		if c.about.Statement != nil && c.about.Statement.Rows && errors.Is(err, context.Canceled) {
			err = nil
		}
	case data.CommandTag.Select():
		c.rows = data.CommandTag.RowsAffected()
		c.about.Rows = &c.rows
	case c.about.Operation == "COMMIT" && data.CommandTag.String() == "ROLLBACK":
		err = pgx.ErrTxCommitRollback
	}
	c.end(err)
}

// endCopy ends a copy, of which the words are put together for those who read
// them.
func (c *call) endCopy(err error) {
	c.call.EndErr(&err, func(i int) value {
		if c.about.Statement == nil {
			columns := make([]string, len(c.into))
			for i, name := range c.into {
				columns[i] = pgx.Identifier{name}.Sanitize()
			}
			c.about.Statement = c.about.Source.Read("COPY " + c.table.Sanitize() + " (" + strings.Join(columns, ", ") + ") FROM STDIN")
		}
		return c.about.Value(i, err)
	})
	c.done()
}

// endBatch ends a batch. One of a single statement counts as that.
func (c *call) endBatch(err error) {
	if err == nil {
		err = c.err
	}
	var texts []string
	size := c.batch.Len()
	c.call.EndErr(&err, func(i int) value {
		if texts == nil {
			texts = statements(c.batch)
			c.about.Statement = c.about.Source.Read(strings.Join(texts, "; "))
			if size == 1 {
				c.about.Operation = ""
			}
		}
		switch {
		case i == database.OperationField && size > 1 && len(texts) == 1:
			return orchestrall.Of(strings.TrimSpace("BATCH " + c.about.Statement.Operation))
		case i == database.SummaryField:
			return orchestrall.Of(c.about.Name())
		case i == database.MoreFields && size > 1:
			return orchestrall.Of(size)
		case i == database.MoreFields:
			return value{}
		}
		return c.about.Value(i, err)
	})
	c.done()
}

// maxStatements bounds what is read of a batch.
const maxStatements = 100

// statements are those of a batch, or one if they are all the same. The fields
// had other names before they were exported.
func statements(b *pgx.Batch) []string {
	all := []string{}
	v := reflect.ValueOf(b).Elem()
	queries := field(v, "QueuedQueries", "queuedQueries")
	if !queries.IsValid() || queries.Kind() != reflect.Slice {
		return all
	}
	same := true
	for i := range min(queries.Len(), maxStatements) {
		if s := field(reflect.Indirect(queries.Index(i)), "SQL", "query"); s.IsValid() && s.Kind() == reflect.String {
			all = append(all, s.String())
			same = same && s.String() == all[0]
		}
	}
	if same && len(all) > 1 {
		return all[:1]
	}
	return all
}

// field is the first of a struct's that is there.
func field(v reflect.Value, names ...string) reflect.Value {
	for _, name := range names {
		if v.Kind() == reflect.Struct && v.FieldByName(name).IsValid() {
			return v.FieldByName(name)
		}
	}
	return reflect.Value{}
}
