//go:build !linux && !darwin && !windows

package toolexec

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
)

// readProcess asks ps. An argument that holds a space falls apart here, which
// no flag that matters has but -gcflags and its like.
func readProcess(pid int) (process, error) {
	out, err := exec.Command("ps", "-ww", "-o", "ppid=", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return process{}, err
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return process{}, errors.New("no such process")
	}
	parent, err := strconv.Atoi(fields[0])
	if err != nil {
		return process{}, err
	}
	return process{args: fields[1:], parent: parent}, nil
}
