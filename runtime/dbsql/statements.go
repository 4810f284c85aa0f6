package dbsql

import (
	"cmp"
	"sync"
	"sync/atomic"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/dbsql/internal/statement"
)

// prepared is a statement whose operation is known; the rest is read when a
// span or a line wants it.
type prepared struct {
	system, query  string
	operation      string
	queries, execs *orchestrall.Resolved
	once           sync.Once
	statement      statement.Statement
}

func (p *prepared) read() *statement.Statement {
	p.once.Do(func() { p.statement = statement.Of(p.system, p.query) })
	return &p.statement
}

// otherOperation is the label of statements that begin with no known keyword.
const otherOperation = "OTHER"

// Bounds on what is remembered of a system's statements: programs with
// placeholders have few, and those without would fill any memory.
const (
	maxRemembered = 500
	maxLength     = 2048
	maxMisses     = 50_000 // after which what is remembered makes room
)

// statements remembers the statements of one system. Readers take no lock: a
// map that is reachable is never written again.
type statements struct {
	system string
	known  atomic.Pointer[map[string]*prepared]

	mu     sync.Mutex
	misses int
}

func (s *statements) of(query string) *prepared {
	known := s.known.Load()
	if known != nil {
		if p := (*known)[query]; p != nil {
			return p
		}
	}
	p := &prepared{system: s.system, query: query, operation: statement.Operation(s.system, query)}
	system, operation := orchestrall.Of(s.system), orchestrall.Of(cmp.Or(p.operation, otherOperation))
	p.queries, p.execs = queries.Resolve(system, operation), execs.Resolve(system, operation)
	if len(query) <= maxLength {
		s.remember(p)
	}
	return p
}

func (s *statements) remember(p *prepared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*prepared{p.query: p}
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
