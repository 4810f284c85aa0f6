//go:build unix

package toolexec

import (
	"os"
	"os/exec"
	"syscall"
)

// become puts the program in the place of this process. It returns only when
// that fails.
func become(path string, args []string) error {
	path, err := exec.LookPath(path)
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{path}, args...), os.Environ())
}
