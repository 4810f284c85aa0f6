//go:build !unix || aix || solaris || illumos

package bootstrap

import "io"

// unblocked cannot tell here whether a write would wait.
func unblocked(w io.Writer) (io.Writer, func() bool) { return w, nil }
