package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/deep"
)

// A compiled package is what go list says of one that the build needs.
type compiledPackage struct {
	ImportPath, Dir   string
	Standard          bool
	GoFiles, CgoFiles []string
	Imports           []string
	Module            *struct{ Path string }
}

// findThirdParty says of the libraries that can be hooked deep, and are hooked
// at calls, what third-party code does with them: the calls that a build weaves
// are first-party. Where the go command cannot list the build, that build tells.
func (s *session) findThirdParty() {
	of := make(map[string][]*Hooked) // by standard package
	for _, h := range s.hooked {
		if deep.Known(h.Library) && h.Depth == config.Calls && slices.Contains([]State{NotImported, Unused, Applies}, h.State) {
			of[deep.Package(h.Library)] = append(of[deep.Package(h.Library)], h)
		}
	}
	if len(of) == 0 {
		return
	}
	for _, p := range s.compiled() {
		if p.Standard || p.Module == nil || s.tree.Folder(p.ImportPath) != nil || ours(p.ImportPath) ||
			strings.HasPrefix(p.ImportPath, "go.opentelemetry.io/") || s.hooks(p.ImportPath, p.Module.Path) {
			continue
		}
		for _, imported := range p.Imports {
			for _, h := range of[imported] {
				if made := p.makes(h.Library); made != "" {
					h.ThirdParty = append(h.ThirdParty, ThirdParty{p.ImportPath, made})
				}
			}
		}
	}
	for _, hooked := range of {
		for _, h := range hooked {
			h.tellThirdParty()
		}
	}
}

// tellThirdParty says who the third party is, and what would cover it.
func (h *Hooked) tellThirdParty() {
	if len(h.ThirdParty) == 0 {
		return
	}
	byUse := make(map[string][]string)
	for _, p := range h.ThirdParty {
		byUse[p.Uses] = append(byUse[p.Uses], p.Package)
	}
	var all []string
	for _, use := range slices.Sorted(maps.Keys(byUse)) {
		of := byUse[use]
		if more := len(of) - 2; more > 0 {
			of = append(of[:1], fmt.Sprintf("%d more", more+1))
		}
		all = append(all, use+" in "+strings.Join(of, " and "))
	}
	text := strings.Join(all, ", ")
	if h.State == Applies {
		text = "not " + text
	} else {
		h.State = OnlyThirdParty
	}
	h.Reason = fmt.Sprintf("%s: hooks: {%s: deep}", text, h.Library)
}

// hooks reports whether a package belongs to a library that is hooked itself.
// Of several libraries in a module, the one that means the package decides.
func (s *session) hooks(path, module string) bool {
	of := func(h *Hooked) bool { return h.Module == module || slices.Contains(h.lib.Covers, path) }
	means := func(h *Hooked) bool { return h.Module == module && slices.Contains(h.lib.Packages(), path) }
	if slices.ContainsFunc(s.hooked, means) {
		of = means
	}
	return slices.ContainsFunc(s.hooked, func(h *Hooked) bool { return h.State == Applies && of(h) })
}

// compiled returns the packages of the user's build, sorted.
func (s *session) compiled() []compiledPackage {
	args := slices.Concat([]string{"list", "-e", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,Imports,Module"}, s.args.list)
	if s.args.mod != "" {
		args = append(args, "-mod="+s.args.mod)
	}
	if s.args.overlay != "" {
		args = append(args, "-overlay="+absolute(s.args.overlay, s.dir))
	}
	cmd := exec.Command("go", append(append(args, "--"), s.args.targets...)...)
	cmd.Dir, cmd.Env = s.dir, append(slices.Clone(s.env.Environ), "PWD="+s.dir)
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	var all []compiledPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p compiledPackage
		if dec.Decode(&p) != nil {
			break
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b compiledPackage) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return all
}

// makes returns with what the package comes by a database, server or client of
// its own, "" for none.
func (p *compiledPackage) makes(library string) string {
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err == nil { // else the compiler tells
			files = append(files, f)
		}
	}
	return deep.Makes(library, files)
}
