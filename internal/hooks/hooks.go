// Package hooks describes where the build front ends weave libraries: which
// calls, which fields of composite literals and which functions, and by what
// function of a hook package. A hook is data; a hook package is ordinary Go
// that woven code calls.
//
// The files of the folder library, which the tool carries, and hooks: in
// orchestrall.yaml hold hooks; package config reads both.
package hooks

import (
	"go/token"
	"path"
	"slices"
	"strings"
)

// A Library is everything that is woven for one library.
type Library struct {
	// Name is what orchestrall.yaml and orchestrall hooks call it: "net/http",
	// "grpc".
	Name string
	// Module is the library's module; "" for the standard library, and for the
	// user's own hooks.
	Module string
	// Versions are those of the module that the hooks were written for. The
	// zero Range holds every version.
	Versions Range
	// Hook is the import path of the package that woven code calls.
	Hook string
	// Unless names functions that install instrumentation by hand: where
	// first-party code refers to one, nothing of the library is woven.
	Unless []Symbol
	// Covers names packages through which the library does what is hooked: what
	// they do themselves needs no hook.
	Covers []string
	// Via names packages that hand out values of the library's types: code that
	// imports one of them may call the library without importing it.
	Via []string
	// Older names the main packages of the library's earlier modules, which have
	// no hooks: a program that imports one is told, see [Library.Earlier].
	Older []string
	// OwnSpans says that the library traces itself: nothing of it is hooked, and
	// programs that import it are given an SDK to trace with.
	OwnSpans bool
	Points   []Point

	Pos     token.Position `json:"-"` // of the file, or of the entry in orchestrall.yaml
	HookPos token.Position `json:"-"` // of Hook in orchestrall.yaml
}

// A Kind says what a [Point] looks for.
type Kind string

// The kinds of points, as their files spell them.
const (
	Function Kind = "function" // every reference to a function
	Method   Kind = "method"   // calls and values of a method
	Literal  Kind = "literal"  // composite literals of a type
	Result   Kind = "result"   // what calls of a function or method return
	Entry    Kind = "entry"    // the definition of a first-party function
	// Goroutine: calls of a function without parameters, in what a go statement
	// of a function with a context starts; the hook's function gets that context.
	Goroutine Kind = "goroutine"
	// Parameter: contexts made from nothing in a function that has a parameter of
	// a type and no context; the hook's function makes one of the parameter.
	Parameter Kind = "parameter"
	// Import: packages that import a package import the hook package, too, for
	// what it does when it is initialized.
	Import Kind = "import"
)

// A Caller says whether a function or method that takes no context is replaced
// by one that does.
type Caller string

// The callers, as the files spell them after context:.
const (
	Nobody   Caller = ""         // the functions have the same parameters
	Anybody  Caller = "true"     // the hook's function gets the caller's context, or nil
	Carrying Caller = "required" // calls without a context in scope are left alone
)

// A Point is one place that is woven.
type Point struct {
	Kind   Kind
	Target Symbol
	// Field is the field of a literal whose value is wrapped.
	Field string `json:",omitempty"`
	// Absent wraps the zero value where a literal leaves Field out.
	Absent bool `json:",omitempty"`
	// Context gives the hook's function the context of its caller, in front of
	// the receiver and the parameters.
	Context Caller `json:",omitempty"`
	// Implements replaces the method of an interface on every value whose type
	// implements the interface.
	Implements bool `json:",omitempty"`
	// Interfaces is a second function of the hook package: it takes the place of
	// the method where it is called through an interface that has it, or through
	// a type parameter, and finds out whether the value is of the type. It takes an
	// interface of that one method in place of the receiver.
	Interfaces string `json:",omitempty"`
	// Func is the function of the hook package: it replaces a function or
	// method, wraps a field's value or results, or runs at a function's entry.
	Func string

	Pos       token.Position `json:"-"`
	TargetPos token.Position `json:"-"`
}

// A Symbol names a package-level function or type, or a method, as
// runtime.Func does: net/http.Get, net/http.Server, (*net/http.Client).Do. One
// without a name is a package.
type Symbol struct {
	Package  string // import path
	Receiver string `json:",omitempty"` // base type of a method's receiver
	Pointer  bool   `json:",omitempty"` // the receiver, or the type itself, is a pointer
	Name     string `json:",omitempty"`
}

// String is the inverse of [ParseSymbol].
func (s Symbol) String() string {
	switch {
	case s.Name == "":
		return s.Package
	case s.Receiver == "" && s.Pointer:
		return "*" + s.Package + "." + s.Name
	case s.Receiver == "":
		return s.Package + "." + s.Name
	case s.Pointer:
		return "(*" + s.Package + "." + s.Receiver + ")." + s.Name
	}
	return "(" + s.Package + "." + s.Receiver + ")." + s.Name
}

// ParseSymbol reads a symbol. It returns what is wrong with text, and "" when
// nothing is.
func ParseSymbol(text string) (Symbol, string) {
	if rest, method := strings.CutPrefix(text, "("); method {
		typ, name, ok := strings.Cut(rest, ").")
		typ, pointer := strings.CutPrefix(typ, "*")
		of, problem := ParseSymbol(typ)
		if !ok || problem != "" || of.Receiver != "" || !token.IsIdentifier(name) {
			return Symbol{}, "no method"
		}
		return Symbol{Package: of.Package, Receiver: of.Name, Pointer: pointer, Name: name}, ""
	}
	name, pointer := strings.CutPrefix(text, "*")
	if pointer {
		s, problem := ParseSymbol(name)
		if s.Receiver != "" || s.Pointer || problem != "" {
			return Symbol{}, "no type with its import path"
		}
		s.Pointer = true
		return s, ""
	}
	slash := strings.LastIndexByte(text, '/')
	dot := strings.LastIndexByte(text, '.')
	if dot <= slash+1 || !token.IsIdentifier(text[dot+1:]) || strings.ContainsAny(text, " \t*()[]") {
		return Symbol{}, "no function or type with its import path"
	}
	return Symbol{Package: text[:dot], Name: text[dot+1:]}, ""
}

// Packages returns the import paths of what the points look for, sorted: a
// program that imports none of them has nothing to weave.
func (l *Library) Packages() []string {
	var paths []string
	for _, p := range l.Points {
		if !slices.Contains(paths, p.Target.Package) {
			paths = append(paths, p.Target.Package)
		}
	}
	paths = append(paths, l.Via...)
	slices.Sort(paths)
	return paths
}

// Earlier returns the earlier module of the library's that one of the imported
// packages is of, and why nothing of it is woven; "" for none. The versions are
// those of the build's modules, "" where a folder replaces one.
func (l *Library) Earlier(imported map[string]bool, versions map[string]string) (module, reason string) {
	for _, pkg := range l.Older {
		for module := pkg; imported[pkg] && module != "."; module = path.Dir(module) {
			if version, ok := versions[module]; ok {
				return module, strings.TrimSpace(version + " has no hooks; " + l.Module + " " + l.Versions.Text + " has")
			}
		}
	}
	return "", ""
}

// Passive reports whether a library only hands on contexts that are there: it
// is woven where something else is traced, and is no reason to trace anything.
func (l *Library) Passive() bool {
	return !slices.ContainsFunc(l.Points, func(p Point) bool { return p.Kind != Goroutine && p.Context != Carrying })
}

// HookModule returns the module of the hook package, for a hook package below
// the path of the runtime's module: those of third-party libraries are modules
// of their own, so that a program gets no requirement for a library that it
// does not use. It returns "" for a hook package of the user's.
func (l *Library) HookModule(runtime string) string {
	rest, below := strings.CutPrefix(l.Hook, runtime+"/")
	switch {
	case l.Hook == runtime:
		return runtime
	case !below:
		return ""
	case l.Module == "":
		return runtime
	}
	first, _, _ := strings.Cut(rest, "/")
	return path.Join(runtime, first)
}
