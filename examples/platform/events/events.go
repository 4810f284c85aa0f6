// Package events tells whoever listens what executions are doing.
package events

import "sync"

// The types of an event.
const (
	Started  = "started"
	Step     = "step"
	Finished = "finished"
	Failed   = "failed"
)

// An Event is one thing that happened to an execution.
type Event struct {
	Type        string `json:"type"`
	ExecutionID string `json:"executionId"`
	AgentType   string `json:"agentType"`
	UserID      string `json:"userId,omitempty"`
	Step        string `json:"step,omitempty"`  // of a Step
	Error       string `json:"error,omitempty"` // of a Failed
}

// buffered is how many events a listener may be behind.
const buffered = 64

// A Hub hands events to its listeners. Its zero value is ready; on nil, nobody
// listens.
type Hub struct {
	mu        sync.Mutex
	closed    bool
	listeners map[chan Event]bool
}

// Publish hands e to everybody who listens. It never waits: a listener that is
// too far behind loses its place.
func (h *Hub) Publish(e Event) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for listener := range h.listeners {
		select {
		case listener <- e:
		default:
			h.drop(listener)
		}
	}
}

// Subscribe returns the events from now on. The channel is closed when the hub
// is, when the listener is too slow, and by stop.
func (h *Hub) Subscribe() (all <-chan Event, stop func()) {
	listener := make(chan Event, buffered)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(listener)
		return listener, func() {}
	}
	if h.listeners == nil {
		h.listeners = make(map[chan Event]bool)
	}
	h.listeners[listener] = true
	return listener, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(listener)
	}
}

// Close ends all subscriptions, and those to come.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for listener := range h.listeners {
		h.drop(listener)
	}
}

// drop is called with the lock held.
func (h *Hub) drop(listener chan Event) {
	if h.listeners[listener] {
		delete(h.listeners, listener)
		close(listener)
	}
}
