package scan

import (
	"errors"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
)

// A Module is one main module of a build.
type Module struct {
	Path   string // module path
	Dir    string // absolute
	GoMod  string // the file that describes it: Dir/go.mod, or what -modfile names
	Config *config.Config

	ignore   []string // of the go.mod's ignore directives
	requires []string // the modules that the go.mod names
}

// ErrNoModule means that there is no go.mod at or above the start folder.
var ErrNoModule = errors.New("no go.mod in this folder or above it; run go mod init, or change to the module's folder")

// ErrGOPATH means that modules are switched off.
var ErrGOPATH = errors.New("GO111MODULE=off: packages are instrumented in modules only; unset it")

// findModules returns the main modules that the go command would have in dir
// and the go.work that lists them, if any.
func (t *Tree) findModules(opt Options) error {
	if t.Env.Go("GO111MODULE") == "off" {
		return ErrGOPATH
	}
	switch work := t.Env.Go("GOWORK"); {
	case work == "off":
	case work != "" && work != "auto":
		if !filepath.IsAbs(work) {
			return errors.New("GOWORK=" + work + ": must be an absolute path or off")
		}
		t.Work = work
	default:
		t.Work = t.upward(opt.Dir, "go.work")
	}
	own := t.upward(opt.Dir, "go.mod")
	if t.Work == "" {
		if own == "" {
			return ErrNoModule
		}
		t.addModule(filepath.Dir(own), opt.ModFile)
		return nil
	}
	data, err := t.Read(t.Work)
	if err != nil {
		t.unreadable(t.Work, err)
		return nil
	}
	work, err := modfile.ParseWork(t.Work, data, nil)
	if err != nil {
		t.modErrors(t.Work, err)
		return nil
	}
	for _, use := range work.Use {
		dir := filepath.FromSlash(use.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(t.Work), dir)
		}
		t.addModule(filepath.Clean(dir), "")
	}
	return nil
}

// upward returns the path of the file of that name in dir or the nearest
// folder above.
func (t *Tree) upward(dir, name string) string {
	for {
		path := filepath.Join(dir, name)
		if to, ok := t.overlay[path]; ok {
			if to != "" {
				return path
			}
		} else if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func (t *Tree) addModule(dir, modFile string) {
	m := &Module{Dir: dir, GoMod: filepath.Join(dir, "go.mod")}
	if modFile != "" {
		m.GoMod = modFile
	}
	data, err := t.Read(m.GoMod)
	if err != nil {
		t.unreadable(m.GoMod, err)
		return
	}
	f, err := modfile.ParseLax(m.GoMod, data, nil)
	if err != nil {
		t.modErrors(m.GoMod, err)
		return
	}
	if f.Module == nil {
		t.Diagnostics = append(t.Diagnostics, instrument.Diagnostic{
			Pos: token.Position{Filename: m.GoMod, Line: 1, Column: 1}, Rule: "bad-module",
			Message: "no module directive", Fix: "add one: module example.com/name",
		})
		return
	}
	m.Path = f.Module.Mod.Path
	for _, ignore := range f.Ignore {
		m.ignore = append(m.ignore, strings.TrimSuffix(filepath.ToSlash(ignore.Path), "/"))
	}
	for _, req := range f.Require {
		m.requires = append(m.requires, req.Mod.Path)
	}
	t.Modules = append(t.Modules, m)
}

// ignores reports whether the go.mod's ignore directives name the folder at
// the slash-separated path rel below the module.
func (m *Module) ignores(rel string) bool {
	for _, ignore := range m.ignore {
		if rooted, ok := strings.CutPrefix(ignore, "./"); ok {
			if rel == rooted || strings.HasPrefix(rel, rooted+"/") {
				return true
			}
		} else if strings.Contains("/"+rel+"/", "/"+ignore+"/") {
			return true
		}
	}
	return false
}

// Read returns the content that the build sees at path.
func (t *Tree) Read(path string) ([]byte, error) {
	if to, ok := t.overlay[path]; ok {
		if to == "" {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return os.ReadFile(to)
	}
	return os.ReadFile(path)
}

// unreadable notes that the file or folder at path can't be read.
func (t *Tree) unreadable(path string, err error) {
	t.Diagnostics = append(t.Diagnostics, unreadable(path, err))
}

func unreadable(path string, err error) instrument.Diagnostic {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	fix := "check the path"
	if errors.Is(err, fs.ErrPermission) {
		fix = "make it readable"
	}
	return instrument.Diagnostic{
		Pos: token.Position{Filename: path}, Rule: "unreadable-file",
		Message: "cannot read: " + err.Error(), Fix: fix,
	}
}

// modErrors notes what is wrong with a go.mod or go.work.
func (t *Tree) modErrors(path string, err error) {
	list, ok := errors.AsType[modfile.ErrorList](err)
	if !ok {
		t.Diagnostics = append(t.Diagnostics, instrument.Diagnostic{
			Pos: token.Position{Filename: path}, Rule: "bad-module", Message: err.Error(),
		})
		return
	}
	for _, e := range list {
		t.Diagnostics = append(t.Diagnostics, instrument.Diagnostic{
			Pos:  token.Position{Filename: path, Line: e.Pos.Line, Column: e.Pos.LineRune},
			Rule: "bad-module", Message: e.Err.Error(),
		})
	}
}
