package toolexec

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

func readProcess(pid int) (process, error) {
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return process{}, err
	}
	if len(raw) < 4 {
		return process{}, errors.New("a process without arguments")
	}
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return process{}, err
	}
	// The number of arguments, the program's path, padding, the arguments and
	// the environment, each ended by a zero byte.
	count := int(binary.LittleEndian.Uint32(raw))
	_, rest, _ := bytes.Cut(raw[4:], []byte{0})
	rest = bytes.TrimLeft(rest, "\x00")
	p := process{parent: int(info.Eproc.Ppid)}
	for range count {
		arg, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			break
		}
		p.args, rest = append(p.args, string(arg)), after
	}
	return p, nil
}
