package scan

import (
	"bytes"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/orchestrall/orchestrall/instrument"
)

// readFacts reads the folder's files one after the other into buf.
func (f *Folder) readFacts(buf *[]byte) {
	for _, file := range f.Files {
		if instrument.IsGenerated(file.Name) {
			f.Generated = true
		}
		src, err := readInto(buf, file.path(f.Dir))
		if err != nil {
			f.unread = true
			continue
		}
		if !instrument.IsGenerated(file.Name) && instrument.HasDirective(src) {
			f.Directive = true
		}
		file.Package, file.Imports = header(src)
		file.Detaches = Detaches(src)
	}
}

// Detaches reports whether source may have a go statement, or a call that stands
// for one, that makes a context from nothing.
func Detaches(src []byte) bool {
	has := func(text string) bool { return bytes.Contains(src, []byte(text)) }
	return (has("go ") || has("Go(")) && (has("Background()") || has("TODO()"))
}

// path is where the file's content is.
func (s *SourceFile) path(dir string) string {
	if s.actual != "" {
		return s.actual
	}
	return filepath.Join(dir, s.Name)
}

func readInto(buf *[]byte, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		if need := int(info.Size()) + 1; cap(*buf) < need {
			*buf = make([]byte, 0, need+need/2)
		}
	}
	data := (*buf)[:0]
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := file.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	*buf = data[:0]
	return data, nil
}

// header returns the name and the imports of a file. A file with a mistake
// there keeps what comes before it: the compiler tells the rest.
func header(src []byte) (name string, imports []string) {
	file, _ := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly|parser.SkipObjectResolution)
	if file == nil || file.Name == nil {
		return "", nil
	}
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			imports = append(imports, path)
		}
	}
	return file.Name.Name, imports
}
