//go:build !unix

package overlay

import (
	"errors"
	"os"
)

var forwarded = []os.Signal{os.Interrupt}

// replaceProcess is for systems that can do it.
func replaceProcess(string, []string, []string, string) error { return errors.ErrUnsupported }
