package orchestrall

import "time"

// base makes a reading of the clock a subtraction of monotonic times, which
// costs half of time.Now and cannot be turned back.
var base = time.Now()

func now() time.Duration { return time.Since(base) }
