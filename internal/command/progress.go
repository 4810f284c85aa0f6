package command

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// progress shows on a terminal what a long command is doing, on one line that
// disappears. Anywhere else, and in CI, it shows nothing.
type progress struct {
	mu sync.Mutex
	w  io.Writer // nil: nobody is watching
}

func (s *session) progress() *progress {
	file, ok := s.stderr.(*os.File)
	if !ok || s.verbose || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return &progress{}
	}
	return &progress{w: file}
}

// say replaces the line.
func (p *progress) say(format string, args ...any) {
	if p.w != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
	}
}

// done removes the line..
func (p *progress) done() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
