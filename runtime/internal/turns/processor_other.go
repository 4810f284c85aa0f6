//go:build !unix

package turns

import "time"

var start = time.Now()

// processor stands in with the wall clock where the system is not asked.
func processor() time.Duration { return time.Since(start) }
