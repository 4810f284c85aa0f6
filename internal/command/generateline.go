package command

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A generateHost is the file that the //go:generate line of a module goes to.
type generateHost struct {
	path    string
	pattern string // what the line generates, seen from the file's folder
}

// findHost chooses where the //go:generate line goes: a file of the module's
// root package, doc.go or main.go before others, else a file of the first
// package main. It returns the file that has such a line already as existing.
func findHost(root string) (host generateHost, existing string, err error) {
	var inRoot, mains []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && skipFolder(path, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "_") ||
			strings.HasPrefix(name, ".") || instrument.IsGenerated(path) || !entry.Type().IsRegular() {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if hasGenerateLine(src) {
			existing = path
			return fs.SkipAll
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil || constrained(file) {
			return nil // the verbs that read the module's code will say so
		}
		switch {
		case filepath.Dir(path) == root:
			inRoot = append(inRoot, path)
		case file.Name.Name == "main":
			mains = append(mains, path)
		}
		return nil
	})
	if err != nil || existing != "" {
		return host, existing, err
	}
	if path := prefer(inRoot); path != "" {
		return generateHost{path, "./..."}, "", nil
	}
	if len(mains) == 0 {
		return host, "", nil
	}
	folder := filepath.Dir(mains[0])
	for i, path := range mains {
		if filepath.Dir(path) != folder {
			mains = mains[:i]
			break
		}
	}
	up, err := filepath.Rel(folder, root)
	if err != nil {
		return host, "", err
	}
	return generateHost{prefer(mains), filepath.ToSlash(up) + "/..."}, "", nil
}

// skipFolder reports what the go command leaves out of ./...
func skipFolder(path, name string) bool {
	if name == "vendor" || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// constrained reports whether a file is only built under some condition.
func constrained(file *ast.File) bool {
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() < file.Package && strings.HasPrefix(c.Text, "//go:build") {
				return true
			}
		}
	}
	return false
}

func prefer(paths []string) string {
	for _, name := range []string{"doc.go", "main.go"} {
		for _, path := range paths {
			if filepath.Base(path) == name {
				return path
			}
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return paths[0]
}

func hasGenerateLine(src []byte) bool {
	if !bytes.Contains(src, []byte("//go:generate")) {
		return false
	}
	for line := range bytes.Lines(src) {
		if bytes.HasPrefix(line, []byte("//go:generate")) && bytes.Contains(line, []byte("orchestrall")) {
			return true
		}
	}
	return false
}

// addGenerateLine puts the line below the package clause.
func addGenerateLine(path string, src []byte, pattern string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	offset := func(p token.Pos) int { return fset.PositionFor(p, false).Offset }
	at := lineEnd(src, offset(file.Name.End()))
	for _, group := range file.Comments {
		// A comment that begins on the line of the clause may go on below it.
		if start, end := offset(group.Pos()), offset(group.End()); start <= at && at < end {
			at = lineEnd(src, end)
		}
	}
	newline := "\n"
	if bytes.HasPrefix(src[at:], []byte("\r\n")) {
		newline = "\r\n"
	}
	text := newline + newline + "//go:generate orchestrall generate " + pattern
	if !bytes.HasPrefix(src[at:], []byte(newline+newline)) {
		text += newline // what follows must not look like one comment with it
	}
	return rewrite.Apply(src, []rewrite.Edit{rewrite.Insert(at, text)})
}

// lineEnd returns the offset of the line break behind offset.
func lineEnd(src []byte, offset int) int {
	end := bytes.IndexByte(src[offset:], '\n')
	switch {
	case end < 0:
		return len(src)
	case end > 0 && src[offset+end-1] == '\r':
		return offset + end - 1
	}
	return offset + end
}

// moduleRoot returns the folder of the go.mod that rules dir.
func moduleRoot(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(filepath.Join(at, "go.mod"))
		if err == nil && !info.IsDir() {
			return at, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in no Go module; run go mod init first", dir)
		}
	}
}
