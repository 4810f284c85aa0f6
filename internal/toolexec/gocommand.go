package toolexec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A goCommand is the go command that runs this build, as far as its process
// tells. Packages that are added to the build must be compiled under the very
// same flags, or their archives do not fit.
type goCommand struct {
	found    bool
	dir      string // where it works; "" = not known
	verb     string // build, test, …
	flags    []goFlag
	packages []string // what it was asked to build, as far as that can be told from flags of its verb
}

// A goFlag is one build flag of the go command.
type goFlag struct{ name, value string }

// buildFlags are the flags that decide what a package compiles to or where it
// is found; true for those with a value.
var buildFlags = map[string]bool{
	"asan": false, "linkshared": false, "modcacherw": false, "msan": false, "race": false, "trimpath": false, "cover": false,
	"asmflags": true, "buildmode": true, "compiler": true, "covermode": true, "coverpkg": true, "gccgoflags": true, "gcflags": true,
	"installsuffix": true, "mod": true, "modfile": true, "overlay": true, "p": true, "pgo": true, "pkgdir": true, "tags": true, "toolexec": true,
}

// A process is an ancestor of this one.
type process struct {
	args   []string
	dir    string // "" = not known
	parent int
}

// findGoCommand walks up from this process: the go command may have started a
// wrapper that started us.
func findGoCommand() goCommand {
	pid := os.Getppid()
	for range 8 {
		p, err := readProcess(pid)
		if err != nil || pid <= 1 {
			break
		}
		if cmd, ok := parseGoCommand(p.args); ok {
			cmd.dir = p.dir
			return cmd
		}
		pid = p.parent
	}
	return goCommand{}
}

// The verbs of the go command that compile.
var buildVerbs = []string{"build", "install", "run", "test", "vet", "list", "get", "tool", "fix", "generate"}

func parseGoCommand(args []string) (goCommand, bool) {
	if len(args) < 2 || !strings.HasPrefix(strings.TrimSuffix(filepath.Base(args[0]), ".exe"), "go") {
		return goCommand{}, false
	}
	args = args[1:]
	// go -C dir build; the process has changed its folder already.
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if _, _, inline := strings.Cut(args[0], "="); !inline && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 || !slices.Contains(buildVerbs, args[0]) {
		return goCommand{}, false
	}
	cmd := goCommand{found: true, verb: args[0]}
	// Only go test and go vet take flags behind the packages.
	mixed := cmd.verb == "test" || cmd.verb == "vet"
	for args = args[1:]; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			cmd.packages = append(cmd.packages, arg)
			if !mixed {
				cmd.packages = append(cmd.packages, args...)
				break
			}
			continue
		}
		if arg == "--" || arg == "-args" || arg == "--args" {
			break
		}
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		takesValue, known := buildFlags[name]
		switch {
		case !inline && known && !takesValue:
			value = "true"
		case !inline && (takesValue || otherValueFlags[name]) && len(args) > 0:
			value, args = args[0], args[1:]
		}
		if known {
			cmd.flags = append(cmd.flags, goFlag{name, value})
		}
	}
	return cmd, true
}

// otherValueFlags are the flags that are not passed on but whose values would
// look like packages.
var otherValueFlags = map[string]bool{
	"C": true, "o": true, "ldflags": true, "exec": true, "f": true, "vettool": true,
	"bench": true, "benchtime": true, "blockprofile": true, "blockprofilerate": true, "count": true, "coverprofile": true, "cpu": true,
	"cpuprofile": true, "fuzz": true, "fuzzminimizetime": true, "fuzztime": true, "list": true, "memprofile": true, "memprofilerate": true,
	"mutexprofile": true, "mutexprofilefraction": true, "outputdir": true, "parallel": true, "run": true, "shuffle": true, "skip": true,
	"timeout": true, "trace": true, "vet": true,
}

// value returns the last value of a flag.
func (c goCommand) value(name string) string {
	for _, f := range slices.Backward(c.flags) {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// nested returns the flags under which another go command compiles packages to
// the same archives. goflags is the environment's GOFLAGS, which the other
// command reads too.
func (c goCommand) nested(goflags []goFlag) []string {
	// A profile or a version stamp belongs to main packages.
	out := []string{"-buildvcs=false"}
	all := slices.Concat(goflags, c.flags)
	covers := slices.ContainsFunc(all, func(f goFlag) bool { return f.name == "coverpkg" && f.value != "" })
	for _, name := range []string{"gcflags", "asmflags", "gccgoflags"} {
		out = append(out, perPackage(name, goflags, c.flags)...)
	}
	for _, f := range c.flags {
		switch f.name {
		case "gcflags", "asmflags", "gccgoflags":
		case "cover", "covermode", "coverpkg":
			// Without -coverpkg coverage is of the named packages, which
			// others than ours are.
			if covers {
				out = append(out, "-"+f.name+"="+f.value)
			}
		default:
			out = append(out, "-"+f.name+"="+f.value)
		}
	}
	return out
}

// perPackage keeps those values of a flag such as -gcflags that are for a
// package pattern. One without a pattern is for the packages on the command
// line, and the other go command has others there.
func perPackage(name string, inherited, own []goFlag) []string {
	var reset bool
	var kept []string
	add := func(flags []goFlag) {
		for _, f := range flags {
			if f.name != name {
				continue
			}
			if v := strings.TrimSpace(f.value); strings.HasPrefix(v, "-") || !strings.Contains(v, "=") {
				continue
			}
			kept = append(kept, "-"+name+"="+f.value)
		}
	}
	for _, f := range inherited {
		if f.name == name && (strings.HasPrefix(strings.TrimSpace(f.value), "-") || !strings.Contains(f.value, "=")) {
			reset = true
		}
	}
	if reset {
		kept = append(kept, "-"+name+"=")
		add(inherited)
	}
	add(own)
	return kept
}

// environmentFlags reads GOFLAGS: flags separated by spaces, quoted as a whole
// where they hold one.
func environmentFlags(goflags string) []goFlag {
	var flags []goFlag
	for rest := strings.TrimSpace(goflags); rest != ""; rest = strings.TrimSpace(rest) {
		var word string
		if quote := rest[0]; quote == '\'' || quote == '"' {
			end := strings.IndexByte(rest[1:], quote)
			if end < 0 {
				break
			}
			word, rest = rest[1:1+end], rest[end+2:]
		} else if end := strings.IndexAny(rest, " \t\r\n"); end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			word, rest = rest, ""
		}
		name, value, inline := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if _, known := buildFlags[name]; !known {
			continue
		}
		if !inline {
			value = "true"
		}
		flags = append(flags, goFlag{name, value})
	}
	return flags
}
