package dbsql

import (
	"database/sql/driver"
	"errors"
	"reflect"
	"strconv"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type value = orchestrall.Value

var connects, pings, prepares, execs, queries, begins, commits, rollbacks orchestrall.Operation

func init() {
	for name, o := range map[string]*orchestrall.Operation{
		"sql.connect": &connects, "sql.ping": &pings, "sql.prepare": &prepares, "sql.exec": &execs,
		"sql.query": &queries, "sql.begin": &begins, "sql.commit": &commits, "sql.rollback": &rollbacks,
	} {
		o.Register(orchestrall.Spec{
			Name: name, SpanName: "{2}", Kind: orchestrall.DB, Fields: fields[:],
			// database/sql tries again on another connection, in the end on a new one.
			// If that cannot be opened either, sql.connect has failed.
			Ignore: []error{driver.ErrBadConn},
		})
	}
}

// fields are the same for all operations. All but the labels are asked for at
// the end, so that a call that fails unsampled has them, too.
var fields = [...]orchestrall.Field{
	{Role: orchestrall.Label, Key: "db_system"},
	{Role: orchestrall.Label, Key: "db_operation"},
	{Role: orchestrall.NamePart, AtEnd: true},
	{Key: "db.system.name", AtEnd: true},
	{Key: "db.namespace", AtEnd: true},
	{Key: "server.address", AtEnd: true},
	{Key: "server.port", AtEnd: true},
	{Key: "db.operation.name", AtEnd: true},
	{Key: "db.collection.name", AtEnd: true},
	{Key: "db.query.summary", AtEnd: true},
	{Key: "db.query.text", AtEnd: true},
	{Key: "db.response.status_code", AtEnd: true},
	{Key: "db.response.returned_rows", AtEnd: true},
}

// about is what a call is about.
type about struct {
	source    *source
	operation string    // "" for the statement's
	statement *prepared // nil for a call without one
	rows      *int64    // nil where there are none
}

func (a *about) value(i int, err error) value {
	switch i {
	case 0, 3:
		return a.source.systemValue
	case 1: // of statements it is resolved
		return orchestrall.Of(a.verb())
	case 2:
		return orchestrall.Of(a.name())
	case 4:
		return text(a.source.namespace)
	case 5:
		return text(a.source.address)
	case 6:
		if a.source.port == 0 {
			return value{}
		}
		return orchestrall.Of(a.source.port)
	case 7:
		return text(a.verb())
	case 11:
		return text(statusCode(err))
	case 12:
		if a.rows == nil || err != nil {
			return value{}
		}
		return orchestrall.Of(*a.rows)
	}
	if a.statement == nil {
		return value{}
	}
	switch s := a.statement.read(); i {
	case 8:
		return text(s.Collection)
	case 9:
		return text(s.Summary)
	default:
		return text(s.Text)
	}
}

// text leaves the field out when there is nothing to say.
func text(s string) value {
	if s == "" {
		return value{}
	}
	return orchestrall.Of(s)
}

func (a *about) verb() string {
	if a.operation == "" && a.statement != nil {
		return a.statement.operation
	}
	return a.operation
}

// name is the span's: what is done to which tables, or to which database.
func (a *about) name() string {
	target := a.source.namespace
	if a.statement != nil {
		switch s := a.statement.read(); {
		case s.Summary != "" && a.operation == "":
			return s.Summary
		case s.Summary != "":
			target = s.Summary
		}
	}
	verb := a.verb()
	switch {
	case verb == "" && target == "":
		return a.source.system
	case verb == "":
		return target
	case target == "":
		return verb
	}
	return verb + " " + target
}

// statusCode is what the database calls the error: SQLSTATE where the driver
// tells it, else the number of MySQL and SQL Server.
func statusCode(err error) string {
	if err == nil {
		return ""
	}
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState()
	}
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		if n := v.FieldByName("Number"); n.IsValid() {
			switch {
			case n.CanInt():
				return strconv.FormatInt(n.Int(), 10)
			case n.CanUint():
				return strconv.FormatUint(n.Uint(), 10)
			}
		}
	}
	return ""
}
