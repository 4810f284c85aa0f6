//go:build unix

package overlay

import (
	"os"
	"syscall"
)

// None of these may end this process before the go command has cleaned up.
var forwarded = []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT}

// replaceProcess makes this process the program at path. It returns only when
// that fails.
func replaceProcess(path string, argv, environ []string, dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return syscall.Exec(path, argv, environ)
}
