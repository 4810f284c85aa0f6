package orchestrall

// fillLate evaluates the fields of the start for a call that nobody watched
// until it failed or took too long. It takes a fill function for the end that
// knows them, see [Spec].Late.
func (c *Call) fillLate(lines bool, fill func(int) Value) {
	st := c.state
	if !st.spec.Late || fill == nil || c.lines || c.span != nil && !c.rescued || !lines && c.span == nil {
		return
	}
	if len(st.start.attributes) > 0 {
		m := c.extra()
		m.kvs = evalAll(m.kvs, st.start.attributes, fill)
		if c.span != nil {
			c.setAttributes(m.kvs)
		}
	}
	if lines && len(st.start.events) > 0 {
		m := c.extra()
		m.kvs = evalAll(m.kvs, st.start.events, fill)
	}
}
