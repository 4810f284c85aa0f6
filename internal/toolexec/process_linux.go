package toolexec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func readProcess(pid int) (process, error) {
	proc := "/proc/" + strconv.Itoa(pid)
	cmdline, err := os.ReadFile(proc + "/cmdline")
	if err != nil {
		return process{}, err
	}
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return process{}, err
	}
	// pid (name) state parent …; the name may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return process{}, errors.New("a process status without a parent")
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, fmt.Errorf("a process status without a parent: %w", err)
	}
	p := process{args: strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00"), parent: parent}
	if dir, err := os.Readlink(proc + "/cwd"); err == nil {
		p.dir = dir
	}
	return p, nil
}
