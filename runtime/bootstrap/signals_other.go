//go:build !linux

package bootstrap

import (
	"os"
	"syscall"
)

// signalsKnown is false where nothing tells whether the program handles a
// signal itself.
const signalsKnown = false

type listeners struct{}

func findListeners() (listeners, bool) { return listeners{}, false }

func (listeners) any(syscall.Signal, chan<- os.Signal) bool { return true }

func raise(syscall.Signal) {}
