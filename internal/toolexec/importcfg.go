package toolexec

import (
	"bytes"
	"os"
	"slices"
	"strings"
)

// An importcfg tells a compiler or a linker where the archive of each package
// is. Lines that are no packagefile lines stay as they are.
type importcfg struct {
	text     []byte
	archives map[string]string // import path → archive
}

func readImportcfg(path string) (*importcfg, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cfg := &importcfg{text: text, archives: make(map[string]string)}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "packagefile ")
		if !ok {
			continue
		}
		if importPath, archive, ok := strings.Cut(rest, "="); ok {
			cfg.archives[importPath] = archive
		}
	}
	return cfg, nil
}

// write saves cfg with the additional archives at path.
func (cfg *importcfg) write(path string, added map[string]string) error {
	b := bytes.NewBuffer(slices.Clone(cfg.text))
	if n := b.Len(); n > 0 && cfg.text[n-1] != '\n' {
		b.WriteByte('\n')
	}
	for _, importPath := range sortedKeys(added) {
		b.WriteString("packagefile " + importPath + "=" + added[importPath] + "\n")
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
