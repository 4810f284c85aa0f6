package toolexec

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Arguments are what the go command gives a compiler or a linker: flags, and
// behind them the files.
type arguments struct {
	flags []string
	files []string // *.go for a compiler, the main archive for a linker
}

// compilerArguments tells flags from files by the files' ends: the go command
// puts them last, and no flag of its own has a value that looks like one. So
// no table of flags is needed, which would differ with each Go version.
func compilerArguments(args []string) arguments {
	i := len(args)
	for i > 0 && !strings.HasPrefix(args[i-1], "-") && strings.HasSuffix(args[i-1], ".go") {
		i--
	}
	return arguments{flags: args[:i], files: args[i:]}
}

// linkerArguments takes the last argument for the main archive, which has any
// name when it comes from the build cache.
func linkerArguments(args []string) arguments {
	i := max(len(args)-1, 0)
	return arguments{flags: args[:i], files: args[i:]}
}

// list joins both again.
func (a arguments) list() []string { return slices.Concat(a.flags, a.files) }

// value returns the value of -name=value, or of -name value.
func (a arguments) value(name string) (string, bool) {
	i, v, ok := a.find(name)
	if !ok {
		return "", false
	}
	if v == nil {
		return a.flags[i+1], true
	}
	return *v, true
}

// has reports whether the boolean flag of that name is set.
func (a arguments) has(name string) bool {
	return slices.ContainsFunc(a.flags, func(arg string) bool {
		return strings.HasPrefix(arg, "-") && strings.TrimLeft(arg, "-") == name
	})
}

// with returns a copy of a in which the flag has another value.
func (a arguments) with(name, value string) arguments {
	a.flags = slices.Clone(a.flags)
	i, v, ok := a.find(name)
	switch {
	case !ok:
		a.flags = append(a.flags, "-"+name, value)
	case v == nil:
		a.flags[i+1] = value
	default:
		a.flags[i] = "-" + name + "=" + value
	}
	return a
}

// find returns the last place of the flag, and its value where the same
// argument holds it.
func (a arguments) find(name string) (at int, value *string, ok bool) {
	for i := len(a.flags) - 1; i >= 0; i-- {
		arg := a.flags[i]
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		key, val, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case key != name:
		case inline:
			return i, &val, true
		case i+1 < len(a.flags):
			return i, nil, true
		}
	}
	return 0, nil, false
}

// expand replaces each @file argument by the arguments in that file, one a
// line, which is how the go command passes a long list.
func expand(args []string) ([]string, error) {
	if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "@") }) {
		return args, nil
	}
	var out []string
	for _, arg := range args {
		file, isFile := strings.CutPrefix(arg, "@")
		if !isFile {
			out = append(out, arg)
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the arguments of a tool: %w", err)
		}
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), "\r", "")), "\n")
		for i, line := range lines {
			lines[i] = unescape.Replace(line)
		}
		inner, err := expand(lines)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

// In an @file a backslash is written \\ and a line break \n.
var (
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
	escape   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

// A command line longer than this goes through an @file; Windows allows 32 KB.
const longArguments = 30 << 10

// shorten writes args to the file at path and returns @path when they are too
// many for a command line.
func shorten(args []string, path string) ([]string, error) {
	n := 0
	for _, arg := range args {
		n += len(arg) + 1
	}
	if n < longArguments {
		return args, nil
	}
	var b strings.Builder
	for _, arg := range args {
		b.WriteString(escape.Replace(arg))
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		return nil, err
	}
	return []string{"@" + path}, nil
}
