package toolexec

import (
	"path/filepath"
	"strings"
)

// A compiler's -trimpath flag is a list of old=>new rewrites of path prefixes,
// of which the first that fits is applied. It is how an overlay keeps the
// user's file names in positions, and how the instrumented copies do.

type rewrites string

// apply returns the name under which the compiler would record path.
func (r rewrites) apply(path string) (string, bool) {
	for rule := range strings.SplitSeq(string(r), ";") {
		if from, to, ok := splitRewrite(rule); ok && hasPathPrefix(path, from) {
			rest := path[len(from):]
			if to == "" {
				rest = strings.TrimLeft(rest, `/\`)
			}
			return to + rest, true
		}
	}
	return path, false
}

// prepend makes the compiler record the file copied to tmp as it would have
// recorded path.
func (r rewrites) prepend(tmp, path string) rewrites {
	shown, _ := r.apply(path)
	return rewrites(tmp+"=>"+shown+";") + r
}

// original returns the user's file behind a file that the go command took from
// an overlay, and any other path as it is.
func (r rewrites) original(path string) string {
	var dir string
	for rule := range strings.SplitSeq(string(r), ";") {
		from, to, ok := splitRewrite(rule)
		switch {
		case !ok || to == "":
		case from != path:
			// With go build -trimpath the first rule names the package's folder.
			if dir == "" {
				dir = from
			}
		case filepath.IsAbs(to):
			return to
		default:
			return filepath.Join(dir, filepath.Base(to))
		}
	}
	return path
}

func splitRewrite(rule string) (from, to string, ok bool) {
	if i := strings.LastIndex(rule, "=>"); i >= 0 {
		rule, to = rule[:i], rule[i+len("=>"):]
	}
	return rule, to, rule != ""
}

func hasPathPrefix(path, prefix string) bool {
	return len(path) >= len(prefix) && path[:len(prefix)] == prefix &&
		(len(path) == len(prefix) || path[len(prefix)] == '/' || path[len(prefix)] == filepath.Separator)
}
