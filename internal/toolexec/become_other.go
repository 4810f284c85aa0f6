//go:build !unix

package toolexec

// become does nothing where a process can't turn into another: the caller
// starts the program then.
func become(string, []string) error { return nil }
