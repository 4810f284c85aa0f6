package pgx

import (
	"context"
	"database/sql/driver"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// tracer is that of one connection. What the program has for a tracer is told
// after it at a start, and before it at an end.
type tracer struct {
	program pgx.QueryTracer // nil: none
	source  *database.Source
	recent  database.Recent
	named   map[string]*database.Statement // prepared by the program
	calls   *calls
}

func newTracer(c *pgx.ConnConfig, program pgx.QueryTracer) *tracer {
	t := &tracer{program: program, source: sourceOf(c), calls: new(calls)}
	// pgx does not say that a connection is closed.
	runtime.AddCleanup(t, (*calls).abandon, t.calls)
	return t
}

func sourceOf(c *pgx.ConnConfig) *database.Source {
	port := int(c.Port)
	if strings.HasPrefix(c.Host, "/") { // a socket
		port = 0
	}
	return database.NewSource(system, c.Database, c.Host, port)
}

// A connection that database/sql has from a pool that is traced, or by a
// configuration of one, is traced here.
func init() {
	database.SetTraced(func(dc driver.Conn) bool {
		c, ok := dc.(interface{ Conn() *pgx.Conn })
		if !ok {
			return false
		}
		_, ok = c.Conn().Config().Tracer.(*tracer)
		return ok
	})
}

// connection is a call that has no connection yet.
type connection struct {
	call  orchestrall.Call
	about database.About
}

type connectionKey struct{}

// TraceConnectStart implements [pgx.ConnectTracer]. The configuration is the
// connection's own by now, and so is the tracer that it gets.
func (t *tracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	own := newTracer(data.ConnConfig, t.program)
	data.ConnConfig.Tracer = own
	c := &connection{about: database.About{Source: own.source, Operation: "CONNECT"}}
	ctx = context.WithValue(connecting.Start(ctx, &c.call), connectionKey{}, c)
	if p, ok := t.program.(pgx.ConnectTracer); ok {
		ctx = p.TraceConnectStart(ctx, data)
	}
	return ctx
}

// TraceConnectEnd implements [pgx.ConnectTracer].
func (t *tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	defer func() {
		if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
			err := data.Err
			c.call.EndErr(&err, func(i int) value { return c.about.Value(i, err) })
		}
	}()
	if p, ok := t.program.(pgx.ConnectTracer); ok {
		p.TraceConnectEnd(ctx, data)
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (t *tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if c := t.calls.take(conn); c != nil {
		ctx = c.start(ctx, query, t.operation(c, data.SQL))
	}
	if t.program != nil {
		ctx = t.program.TraceQueryStart(ctx, conn, data)
	}
	return ctx
}

// operation says what the query is about. pgx begins and ends transactions, and
// in older releases pings, by queries.
func (t *tracer) operation(c *call, sql string) *orchestrall.Resolved {
	c.about.Source = t.source
	if sql == ";" {
		c.about.Operation = "PING"
		return pinging
	}
	s := t.statement(sql)
	switch {
	case s.Operation == "BEGIN" && !strings.Contains(sql, ";"): // a script has more in it
		c.about.Operation = s.Operation
		return beginning
	case s.Operation == "COMMIT" && len(sql) == len(s.Operation):
		c.about.Operation = s.Operation
		return committing
	case s.Operation == "ROLLBACK" && len(sql) == len(s.Operation):
		c.about.Operation = s.Operation
		return undoing
	}
	c.about.Statement = s
	if s.Rows {
		return s.Queries
	}
	return s.Execs
}

// statement is what is known of a query, which may be the name of a statement
// that is prepared.
func (t *tracer) statement(sql string) *database.Statement {
	if len(t.named) > 0 {
		if s := t.named[sql]; s != nil {
			return s
		}
	}
	return t.recent.Of(t.source, sql)
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t *tracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	defer func() {
		if c := t.calls.last(query); c != nil {
			c.endQuery(data)
		}
	}()
	if t.program != nil {
		t.program.TraceQueryEnd(ctx, conn, data)
	}
}

// TracePrepareStart implements [pgx.PrepareTracer].
func (t *tracer) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	if c := t.calls.take(conn); c != nil {
		c.name = data.Name
		c.about = database.About{Source: t.source, Operation: "PREPARE", Statement: t.recent.Of(t.source, data.SQL)}
		ctx = c.start(ctx, prepare, preparing)
	}
	if p, ok := t.program.(pgx.PrepareTracer); ok {
		ctx = p.TracePrepareStart(ctx, conn, data)
	}
	return ctx
}

// maxNamed bounds the statements whose names are remembered.
const maxNamed = 500

// TracePrepareEnd implements [pgx.PrepareTracer].
func (t *tracer) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	defer func() {
		c := t.calls.last(prepare)
		if c == nil {
			return
		}
		if data.AlreadyPrepared {
			c.call.Discard()
		}
		if data.Err == nil {
			t.name(c.name, c.about.Statement)
		}
		c.end(data.Err)
		// A copy asks for the types of its columns first. It fails without a word where
		// that does.
		if data.Err != nil {
			if c := t.calls.last(copyFrom); c != nil {
				c.endCopy(data.Err)
			}
		}
	}()
	if p, ok := t.program.(pgx.PrepareTracer); ok {
		p.TracePrepareEnd(ctx, conn, data)
	}
}

// name remembers a statement that queries may name. Those that pgx prepares for
// itself are queried by their text.
func (t *tracer) name(name string, s *database.Statement) {
	if name == "" || name == s.Query || strings.HasPrefix(name, "stmtcache_") {
		return
	}
	if t.named == nil || len(t.named) >= maxNamed {
		t.named = make(map[string]*database.Statement)
	}
	t.named[name] = s
}

// TraceBatchStart implements [pgx.BatchTracer].
func (t *tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if c := t.calls.take(conn); c != nil {
		c.batch = data.Batch
		c.about = database.About{Source: t.source, Operation: "BATCH"}
		ctx = c.start(ctx, batch, batching)
	}
	if p, ok := t.program.(pgx.BatchTracer); ok {
		ctx = p.TraceBatchStart(ctx, conn, data)
	}
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (t *tracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	if c := t.calls.last(batch); c != nil {
		if c.err == nil {
			c.err = data.Err
		}
		c.state.Store(batch)
	}
	if p, ok := t.program.(pgx.BatchTracer); ok {
		p.TraceBatchQuery(ctx, conn, data)
	}
}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t *tracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	defer func() {
		if c := t.calls.last(batch); c != nil {
			c.endBatch(data.Err)
		}
	}()
	if p, ok := t.program.(pgx.BatchTracer); ok {
		p.TraceBatchEnd(ctx, conn, data)
	}
}

// TraceCopyFromStart implements [pgx.CopyFromTracer].
func (t *tracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	if c := t.calls.take(conn); c != nil {
		c.table, c.into = data.TableName, data.ColumnNames
		c.about.Source = t.source
		ctx = c.start(ctx, copyFrom, copying)
	}
	if p, ok := t.program.(pgx.CopyFromTracer); ok {
		ctx = p.TraceCopyFromStart(ctx, conn, data)
	}
	return ctx
}

// TraceCopyFromEnd implements [pgx.CopyFromTracer].
func (t *tracer) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	defer func() {
		if c := t.calls.last(copyFrom); c != nil {
			c.endCopy(data.Err)
		}
	}()
	if p, ok := t.program.(pgx.CopyFromTracer); ok {
		p.TraceCopyFromEnd(ctx, conn, data)
	}
}
