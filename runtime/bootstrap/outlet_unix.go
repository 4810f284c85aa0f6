//go:build unix && !aix && !solaris && !illumos

package bootstrap

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptor writes to a file that the program's parent has opened. os.File
// would end the program when the other end of standard error is closed, and the
// program may never have written there before it was instrumented.
type descriptor int

// unblocked returns a writer for w that fails instead of ending the program,
// and a function that tells whether it would wait; nil where it never does.
func unblocked(w io.Writer) (io.Writer, func() bool) {
	f, ok := w.(*os.File)
	if !ok || f != os.Stderr || f.Name() != "/dev/stderr" {
		return w, nil
	}
	d := descriptor(syscall.Stderr)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return d, nil
	}
	return d, d.ready
}

// Write implements io.Writer.
func (d descriptor) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m, err := unix.Write(int(d), b[n:])
		if m > 0 {
			n += m
		}
		switch err {
		case nil, unix.EINTR:
		case unix.EAGAIN: // somebody has made it non-blocking
			d.poll(-1)
		default:
			return n, err
		}
	}
	return n, nil
}

// ready is true also where a write would fail: that takes no time either.
func (d descriptor) ready() bool { return d.poll(0) }

func (d descriptor) poll(timeout int) bool {
	fds := []unix.PollFd{{Fd: int32(d), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, timeout)
		if err == unix.EINTR {
			continue
		}
		return n != 0 || err != nil
	}
}
