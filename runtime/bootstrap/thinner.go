package bootstrap

import (
	"fmt"
	"hash/maphash"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// thinner lets the first lines of a message through each second, and then one
// in so many. It keeps a fixed number of counters and takes no lock; two
// messages that share a counter are thinned together.
type thinner struct {
	first, every uint64
	now          func() time.Time
	seed         maphash.Seed
	seen         [1024]struct {
		second atomic.Int64
		n      atomic.Uint64
	}
}

// newThinner reads LOG_SAMPLING: FIRST/EVERY, or off.
func newThinner(value string) (*thinner, error) {
	t := &thinner{first: 100, every: 100, now: time.Now, seed: maphash.MakeSeed()}
	value = strings.ToLower(strings.TrimSpace(value))
	switch value {
	case "":
		return t, nil
	case "off", "none":
		return nil, nil
	}
	first, every, _ := strings.Cut(value, "/")
	f, err := strconv.ParseUint(strings.TrimSpace(first), 10, 32)
	e, err2 := strconv.ParseUint(strings.TrimSpace(every), 10, 32)
	if err != nil || err2 != nil || f == 0 || e == 0 {
		return t, fmt.Errorf("%q is not FIRST/EVERY, such as 100/100, nor off", value)
	}
	t.first, t.every = f, e
	return t, nil
}

func (t *thinner) admits(level slog.Level, message string) bool {
	c := &t.seen[(maphash.String(t.seed, message)+uint64(level))%uint64(len(t.seen))]
	second := t.now().Unix()
	if last := c.second.Load(); last != second && c.second.CompareAndSwap(last, second) {
		c.n.Store(0)
	}
	n := c.n.Add(1)
	return n <= t.first || (n-t.first)%t.every == 0
}
