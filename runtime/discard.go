package orchestrall

// Discard ends a call that turned out to be none, such as one that the callee
// hands back undone for the caller to make in another way: it is not counted,
// and its span, if it has one, carries [DropKey]. Nothing that is done with the
// call afterwards has an effect, a deferred End included.
func (c *Call) Discard() {
	if c.state == nil {
		return
	}
	if !c.state.flight.IsZero() {
		c.land()
	}
	c.state = nil
	if c.span == nil {
		return
	}
	defer contain()
	c.span.SetAttributes(dropMark)
	c.span.End()
}
