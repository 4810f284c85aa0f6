// Package cachefile writes files that other processes may read at any moment.
package cachefile

import (
	"os"
	"path/filepath"
)

// Write puts a whole file in place, or none: readers see the old content or
// the new one. Missing folders are made.
func Write(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // err is what matters
	}
	return err
}
