package bootstrap

import (
	"sync/atomic"
	"time"
)

// stamped is a second as it stands on its lines: working out the date costs
// more than all the rest of a short one.
type stamped struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
}

var lastStamp atomic.Pointer[stamped]

// appendStamp appends t in UTC with milliseconds, always of the same width, so
// that lines sort as text.
func appendStamp(b []byte, t time.Time) []byte {
	second := t.Unix()
	s := lastStamp.Load()
	if s == nil || s.second != second {
		u := t.UTC()
		if u.Year() < 0 || u.Year() > 9999 {
			return u.AppendFormat(b, "2006-01-02T15:04:05.000Z")
		}
		s = &stamped{second: second}
		u.AppendFormat(s.text[:0], "2006-01-02T15:04:05.")
		lastStamp.Store(s)
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(append(b, s.text[:]...), byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}
