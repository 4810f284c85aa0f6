package orchestrall

// Series is the place of one combination of an operation's label values in its
// metric. A hook that keeps it spares its calls the way there.
type Series struct {
	metric *metric
	at     *series
}

// Series returns the place for the values of the operation's label fields, in the
// order of the label names: those of the start, then those of the end. It is
// bounded as labels are. Of an operation without a metric it is the zero Series.
func (o *Operation) Series(values ...Value) (s Series) {
	defer contain()
	st := o.state.Load()
	if st == nil || st.metric == nil || len(values) != len(st.metric.keys) {
		return Series{}
	}
	leaf := &st.metric.root
	for i, v := range values {
		leaf = st.metric.step(leaf, i, v)
	}
	return Series{st.metric, st.metric.at(leaf)}
}

// Use makes the call count in s, whatever its label fields would say. The zero
// Series, and one of another operation, changes nothing.
func (c *Call) Use(s Series) {
	if c.state != nil && s.metric != nil && c.state.metric == s.metric {
		c.at = s.at
	}
}
