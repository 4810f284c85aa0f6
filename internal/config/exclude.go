package config

// Excludes reports whether the last rule that fits f takes it out: somebody
// decided that it is not traced.
func (c *Config) Excludes(f Function) bool {
	if c == nil {
		return false
	}
	for i := len(c.Select) - 1; i >= 0; i-- {
		if c.Select[i].match(c.Root, f) {
			return c.Select[i].Exclude
		}
	}
	return false
}
