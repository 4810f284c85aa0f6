package database

import (
	"cmp"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/statement"
)

// Statement is a statement whose operation is known; the rest is read when a
// span or a line wants it.
type Statement struct {
	Query     string
	Operation string                // "" where it is none that is known
	Queries   *orchestrall.Resolved // [Queries] of the statement
	Execs     *orchestrall.Resolved // [Execs] of the statement
	Rows      bool                  // it has rows for an answer, as far as can be told

	system string
	once   sync.Once
	text   statement.Statement
}

func (s *Statement) read() *statement.Statement {
	s.once.Do(func() { s.text = statement.Of(s.system, s.Query) })
	return &s.text
}

// otherOperation is the label of statements that begin with no known keyword.
const otherOperation = "OTHER"

// Bounds on what is remembered of a system's statements: programs with
// placeholders have few, and those without would fill any memory.
const (
	maxRemembered = 500
	maxLength     = 2048
	maxMisses     = 50_000 // after which what is remembered makes room
	maxTail       = 4 << 10
)

// statements remembers the statements of one system. Readers take no lock: a
// map that is reachable is never written again.
type statements struct {
	system string
	known  atomic.Pointer[map[string]*Statement]

	mu     sync.Mutex
	misses int
}

// Read is what is known of a query that is not to be remembered.
func (s *Source) Read(query string) *Statement {
	return &Statement{system: s.System, Query: query, Operation: statement.Operation(s.System, query)}
}

func (s *statements) of(query string) *Statement {
	known := s.known.Load()
	if known != nil {
		if p := (*known)[query]; p != nil {
			return p
		}
	}
	p := &Statement{system: s.system, Query: query, Operation: statement.Operation(s.system, query)}
	system, operation := orchestrall.Of(s.system), orchestrall.Of(cmp.Or(p.Operation, otherOperation))
	p.Rows = hasRows(p.Operation, query)
	p.Queries, p.Execs = Queries.Resolve(system, operation), Execs.Resolve(system, operation)
	if len(query) <= maxLength {
		s.remember(p)
	}
	return p
}

// hasRows goes by the operation, and by RETURNING where that decides, the last
// clause of a statement that may be long.
func hasRows(operation, query string) bool {
	switch operation {
	case "SELECT", "VALUES", "TABLE", "SHOW", "FETCH", "EXPLAIN", "DESCRIBE":
		return true
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		const clause = "RETURNING"
		for i := max(0, len(query)-maxTail); i+len(clause) <= len(query); i++ {
			if query[i]|0x20 == 'r' && strings.EqualFold(query[i:i+len(clause)], clause) {
				return true
			}
		}
	}
	return false
}

func (s *statements) remember(p *Statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*Statement{p.Query: p}
	if known := s.known.Load(); known != nil {
		if len(*known) >= maxRemembered {
			if s.misses++; s.misses < maxMisses {
				return
			}
		} else {
			for query, other := range *known {
				next[query] = other
			}
		}
	}
	s.misses = 0
	s.known.Store(&next)
}

var bySystem sync.Map // of string: *statements

func statementsOf(system string) *statements {
	s, _ := bySystem.LoadOrStore(system, &statements{system: system})
	return s.(*statements)
}

// Recent finds the statements of one connection. It is not for use by several
// goroutines at once.
type Recent [8]*Statement

// Of is what is known of query. A program's own statements stay at one address,
// which finds them sooner than their text does.
func (r *Recent) Of(s *Source, query string) *Statement {
	at := &r[uintptr(unsafe.Pointer(unsafe.StringData(query)))>>4%uintptr(len(r))]
	if p := *at; p != nil && p.Query == query {
		return p
	}
	p := s.statements.of(query)
	if len(query) <= maxLength {
		*at = p
	}
	return p
}
