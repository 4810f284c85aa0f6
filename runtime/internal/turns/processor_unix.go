//go:build unix

package turns

import (
	"syscall"
	"time"
)

// processor is the time that all threads of the process have run.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
