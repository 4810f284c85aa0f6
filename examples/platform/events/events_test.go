package events

import "testing"

func TestListenersGetEventsInOrder(t *testing.T) {
	var h Hub
	all, stop := h.Subscribe()
	for _, step := range []string{"one", "two"} {
		h.Publish(Event{Type: Step, Step: step})
	}
	stop()
	stop() // a second time does nothing
	h.Publish(Event{Type: Step, Step: "three"})
	got := ""
	for e := range all {
		got += e.Step + " "
	}
	if got != "one two " {
		t.Errorf("got %q", got)
	}
}

func TestSlowListenersLoseTheirPlace(t *testing.T) {
	var h Hub
	slow, _ := h.Subscribe()
	for range buffered + 1 {
		h.Publish(Event{Type: Started})
	}
	n := 0
	for range slow {
		n++
	}
	if n != buffered {
		t.Errorf("%d events came, want %d", n, buffered)
	}
}

func TestClose(t *testing.T) {
	var h Hub
	before, stop := h.Subscribe()
	h.Close()
	after, _ := h.Subscribe()
	if _, open := <-before; open {
		t.Error("a subscription outlived the hub")
	}
	if _, open := <-after; open {
		t.Error("a closed hub took a subscription")
	}
	stop()
	(*Hub)(nil).Publish(Event{})
}
