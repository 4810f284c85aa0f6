// Package database is what the hooks of database/sql and of clients that do
// without it say of a call: its operation, the attributes of its span, and the
// figures of the pool that its connection came from.
package database

import (
	"database/sql/driver"
	"errors"
	"reflect"
	"strconv"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type value = orchestrall.Value

// The operations that all clients have.
var Connects, Pings, Prepares, Execs, Queries, Begins, Commits, Rollbacks orchestrall.Operation

func init() {
	for name, o := range map[string]*orchestrall.Operation{
		"sql.connect": &Connects, "sql.ping": &Pings, "sql.prepare": &Prepares, "sql.exec": &Execs,
		"sql.query": &Queries, "sql.begin": &Begins, "sql.commit": &Commits, "sql.rollback": &Rollbacks,
	} {
		Register(o, name)
	}
}

// Register registers an operation whose fields are those that [About] has
// values for, and then more, numbered from [MoreFields] on.
func Register(o *orchestrall.Operation, name string, more ...orchestrall.Field) {
	o.Register(orchestrall.Spec{
		Name: name, SpanName: "{2}", Kind: orchestrall.DB, Fields: append(fields[:len(fields):len(fields)], more...),
		// database/sql tries again on another connection, in the end on a new one.
		// If that cannot be opened either, sql.connect has failed.
		Ignore: []error{driver.ErrBadConn},
	})
}

// The fields that hooks have values of their own for.
const (
	OperationField = 7
	SummaryField   = 9
	MoreFields     = len(fields)
)

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

// About is what a call is about.
type About struct {
	Source    *Source
	Operation string     // "" for the statement's
	Statement *Statement // nil for a call without one
	Rows      *int64     // nil where there are none
}

// Value is that of a field of an operation that has come to err.
func (a *About) Value(i int, err error) orchestrall.Value {
	switch i {
	case 0, 3:
		return a.Source.systemValue
	case 1: // of statements it is resolved
		return orchestrall.Of(a.Verb())
	case 2:
		return orchestrall.Of(a.Name())
	case 4:
		return text(a.Source.Namespace)
	case 5:
		return text(a.Source.Address)
	case 6:
		if a.Source.Port == 0 {
			return value{}
		}
		return orchestrall.Of(a.Source.Port)
	case OperationField:
		return text(a.Verb())
	case 11:
		return text(statusCode(err))
	case 12:
		if a.Rows == nil || err != nil {
			return value{}
		}
		return orchestrall.Of(*a.Rows)
	}
	if a.Statement == nil {
		return value{}
	}
	switch s := a.Statement.read(); i {
	case 8:
		return text(s.Collection)
	case SummaryField:
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

// Verb is the name of the operation, "" where it is not known.
func (a *About) Verb() string {
	if a.Operation == "" && a.Statement != nil {
		return a.Statement.Operation
	}
	return a.Operation
}

// Name is the span's: what is done to which tables, or to which database.
func (a *About) Name() string {
	target := a.Source.Namespace
	if a.Statement != nil {
		switch s := a.Statement.read(); {
		case s.Summary != "" && a.Operation == "":
			return s.Summary
		case s.Summary != "":
			target = s.Summary
		}
	}
	verb := a.Verb()
	switch {
	case verb == "" && target == "":
		return a.Source.System
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
