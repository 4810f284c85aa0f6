package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// arguments are what the front end needs to know of a go command line.
type arguments struct {
	chdir    []string // -C and its folder, which must stay in front
	rest     []string // everything else, without the flags that the front end gives itself
	dir      string   // -C
	overlay  string
	modfile  string
	mod      string
	toolexec string
	tags     string
	cover    bool
	vetOff   bool
	trimpath bool
	sanitize []string // race, msan or asan: build tags, too
	list     []string // the flags on which the compiled form of a dependency depends

	targets []string // packages, or .go files
	lastArg int      // index in rest behind the last target that is a .go file
	unsure  bool     // a flag that is not known could have swallowed a target
}

// The flags of the go command that take no value; every other one that is
// known takes one.
var boolFlags = words(`a asan buildvcs cover deps e export find fix fullpath failfast i json linkshared m modcacherw
	msan n race retracted short test trimpath u v versions work x benchmem c compiled diff printfuncs`)

var valueFlags = words(`C asmflags buildmode compiler covermode coverpkg coverprofile exec f gccgoflags gcflags
	installsuffix ldflags mod modfile o overlay p pgo pkgdir reuse tags toolexec vettool
	artifacts bench benchtime blockprofile blockprofilerate count cpu cpuprofile fuzz fuzzcachedir fuzzminimizetime
	fuzztime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run shuffle skip
	testlogfile timeout trace vet`)

// shapesDependencies reports whether a flag changes how the packages outside of
// the main module are compiled. Compiler flags without a pattern are for the
// packages of the command line alone.
func shapesDependencies(name, value string) bool {
	switch name {
	case "race", "msan", "asan", "tags", "trimpath", "buildmode", "compiler", "installsuffix", "linkshared", "pkgdir", "modcacherw", "modfile":
		return true
	case "gcflags", "asmflags":
		pattern, _, ok := strings.Cut(value, "=")
		return ok && !strings.HasPrefix(value, "-") && pattern != ""
	}
	return false
}

func words(text string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// parseArguments reads the go command's flags as it does itself: GOFLAGS
// first, one or two dashes, with = or as two arguments.
func parseArguments(verb string, args []string, goflags string) (*arguments, error) {
	a := &arguments{}
	fields, err := splitQuoted(goflags)
	if err != nil {
		return nil, fmt.Errorf("GOFLAGS: %w", err)
	}
	for _, flag := range fields {
		name, value, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		a.flag(verb, name, value, strings.Contains(flag, "="))
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if verb == "test" && (arg == "-args" || arg == "--args") {
			a.rest = append(a.rest, args[i:]...)
			return a, nil
		}
		if arg == "--" || arg == "-" || !strings.HasPrefix(arg, "-") {
			if arg == "--" {
				a.rest = append(a.rest, arg)
				i++
			}
			if verb != "test" {
				a.operands(verb, args[i:])
				return a, nil
			}
			if i < len(args) {
				a.operands(verb, args[i:i+1])
			}
			continue
		}
		name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		name = strings.TrimPrefix(name, "test.")
		flag := args[i : i+1]
		if !joined && valueFlags[name] && i+1 < len(args) {
			i++
			value, flag = args[i], args[i-1:i+1]
		} else if !joined && !boolFlags[name] {
			a.unsure = true
		}
		switch {
		case name == "C" && len(a.rest) == 0 && len(a.chdir) == 0:
			a.chdir, a.dir = slices.Clone(flag), value
		case name == "overlay" || name == "toolexec":
			a.flag(verb, name, value, true)
		case name == "mod":
			a.flag(verb, name, value, true)
			a.rest = append(a.rest, "-mod="+value) // one argument, so that it can be taken out
		default:
			a.flag(verb, name, value, joined)
			a.rest = append(a.rest, flag...)
			if shapesDependencies(name, value) {
				a.list = append(a.list, flag...)
			}
		}
	}
	return a, nil
}

func (a *arguments) flag(verb, name, value string, joined bool) {
	switch name {
	case "overlay":
		a.overlay = value
	case "modfile":
		a.modfile = value
	case "mod":
		a.mod = value
	case "toolexec":
		a.toolexec = value
	case "tags":
		a.tags = value
	case "cover":
		a.cover = !joined || value != "false" && value != "0"
	case "race", "msan", "asan":
		if !joined || value != "false" && value != "0" {
			a.sanitize = append(a.sanitize, name)
		}
	case "trimpath":
		a.trimpath = !joined || value != "false" && value != "0"
	case "vet":
		a.vetOff = value == "off"
	case "coverpkg", "covermode":
		a.cover = true
	case "coverprofile":
		a.cover = a.cover || verb == "test"
	}
}

// operands takes the packages or files of a command line, and for go run what
// the program gets.
func (a *arguments) operands(verb string, args []string) {
	targets := args
	if verb == "run" {
		n := 0
		for n < len(args) && strings.HasSuffix(args[n], ".go") {
			n++
		}
		targets = args[:min(max(n, 1), len(args))]
	}
	a.targets = append(a.targets, targets...)
	a.rest = append(a.rest, targets...)
	if len(a.targets) > 0 && strings.HasSuffix(a.targets[0], ".go") {
		a.lastArg = len(a.rest)
	}
	a.rest = append(a.rest, args[len(targets):]...)
}

// files returns the targets when they are Go files.
func (a *arguments) files() []string {
	if a.lastArg == 0 {
		return nil
	}
	var files []string
	for _, t := range a.targets {
		if strings.HasSuffix(t, ".go") {
			files = append(files, t)
		}
	}
	return files
}

// otherModule reports whether the command line names a package at a version:
// the go command then leaves this module aside.
func (a *arguments) otherModule() bool {
	return slices.ContainsFunc(a.targets, func(t string) bool {
		return strings.Contains(t, "@") && !strings.HasPrefix(t, ".") && !filepath.IsAbs(t)
	})
}

// withoutMod removes the -mod flag, for a build that needs another one.
func (a *arguments) withoutMod() {
	for i, arg := range a.rest {
		if strings.HasPrefix(arg, "-mod=") {
			a.rest = slices.Delete(a.rest, i, i+1)
			if a.lastArg > i {
				a.lastArg--
			}
			return
		}
	}
}

// splitQuoted splits at spaces outside of quotes, as the go command splits
// GOFLAGS and -toolexec.
func splitQuoted(s string) ([]string, error) {
	var fields []string
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return fields, nil
		}
		if quote := s[0]; quote == '\'' || quote == '"' {
			end := strings.IndexByte(s[1:], quote)
			if end < 0 {
				return nil, fmt.Errorf("unterminated %c string", quote)
			}
			fields, s = append(fields, s[1:1+end]), s[end+2:]
			continue
		}
		end := strings.IndexAny(s, " \t\r\n")
		if end < 0 {
			end = len(s)
		}
		fields, s = append(fields, s[:end]), s[end:]
	}
}

// joinQuoted is the inverse of splitQuoted.
func joinQuoted(fields []string) (string, error) {
	quoted := make([]string, len(fields))
	for i, f := range fields {
		switch {
		case f != "" && !strings.ContainsAny(f, " \t\r\n'\""):
			quoted[i] = f
		case !strings.Contains(f, "'"):
			quoted[i] = "'" + f + "'"
		case !strings.Contains(f, `"`):
			quoted[i] = `"` + f + `"`
		default:
			return "", fmt.Errorf("-toolexec cannot hold both kinds of quotes: %s", f)
		}
	}
	return strings.Join(quoted, " "), nil
}

// overlayFile is the go command's format of -overlay.
type overlayFile struct {
	Replace map[string]string
}

// readOverlay reads a user's own -overlay file with absolute paths.
func readOverlay(path, dir string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(absolute(path, dir))
	if err != nil {
		return nil, fmt.Errorf("reading the -overlay file: %w", err)
	}
	var file overlayFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("parsing the -overlay file %s: %w", path, err)
	}
	replace := make(map[string]string, len(file.Replace))
	for from, to := range file.Replace {
		if to != "" {
			to = absolute(to, dir)
		}
		replace[absolute(from, dir)] = to
	}
	return replace, nil
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
