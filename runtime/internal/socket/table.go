package socket

import (
	"runtime"
	"sync"
	"weak"
)

// Table finds the span of a library's connection. It does not keep a connection
// alive, and forgets those that are gone.
type Table[T any] struct{ m sync.Map } // of weak.Pointer[T]: *Conn

// Put enters a connection.
func (t *Table[T]) Put(conn *T, c *Conn) {
	if conn == nil || c == nil {
		return
	}
	key := weak.Make(conn)
	t.m.Store(key, c)
	runtime.AddCleanup(conn, t.forget, key)
}

func (t *Table[T]) forget(key weak.Pointer[T]) {
	if c, ok := t.m.LoadAndDelete(key); ok {
		c.(*Conn).Abandon()
	}
}

// Get returns the span of a connection, nil when there is none.
func (t *Table[T]) Get(conn *T) *Conn {
	if conn == nil {
		return nil
	}
	if c, ok := t.m.Load(weak.Make(conn)); ok {
		return c.(*Conn)
	}
	return nil
}
