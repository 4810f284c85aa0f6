package command

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// A change is a file to write, or to remove when src is nil.
type change struct {
	path string
	src  []byte
}

// commit carries out all changes or, if any of them can't be prepared, none:
// every file is first written beside the one it replaces, and only then are
// they renamed.
func commit(changes []change) (err error) {
	type prepared struct{ temp, path string }
	var todo []prepared
	defer func() {
		if err != nil {
			for _, p := range todo {
				err = errors.Join(err, ignoreMissing(os.Remove(p.temp)))
			}
		}
	}()
	for _, c := range changes {
		if c.src == nil {
			continue
		}
		path := c.path
		// A link stays a link; the file behind it changes.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		temp, err := prepare(path, c.src)
		if err != nil {
			return err
		}
		todo = append(todo, prepared{temp, path})
	}
	for _, p := range todo {
		if err := os.Rename(p.temp, p.path); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c.src == nil {
			if err := ignoreMissing(os.Remove(c.path)); err != nil {
				return err
			}
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// prepare writes src to a new file beside path, with path's mode if it exists.
func prepare(path string, src []byte) (temp string, err error) {
	mode := fs.FileMode(0o666) // less the umask
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	case err == nil:
		mode = info.Mode().Perm()
		// Renaming would not ask for the file's own permission.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	temp = filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%x.tmp", filepath.Base(path), rand.Uint64()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			failed.Path = path // nobody asked for the other name
		}
		return "", err
	}
	_, werr := f.Write(src)
	var merr error
	if info != nil {
		merr = f.Chmod(mode) // past the umask
	}
	if err := errors.Join(werr, merr, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	return temp, nil
}
