package toolexec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// A compiled package is an ar archive: __.PKGDEF holds the export data,
// _go_.o the object file; objects from assembly and C follow. The linker skips
// members with a short name and no .o at its end, which leaves room for one of
// ours.
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	objectMember = "_go_.o"
	mainMember   = "orchestrall"
)

// A Member is one file inside an archive.
type member struct {
	name      string
	off, size int64 // of the content
}

// end is where the next member starts.
func (m member) end() int64 { return m.off + m.size + m.size&1 }

// members lists what is in the archive.
func members(r io.ReaderAt) ([]member, error) {
	var head [arHeaderSize]byte
	if _, err := r.ReadAt(head[:len(arMagic)], 0); err != nil || string(head[:len(arMagic)]) != arMagic {
		return nil, errors.New("not an archive")
	}
	var all []member
	for at := int64(len(arMagic)); ; {
		n, err := r.ReadAt(head[:], at)
		if errors.Is(err, io.EOF) && n == 0 {
			return all, nil
		}
		size, parseErr := strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
		if n < arHeaderSize || parseErr != nil || size < 0 {
			return nil, errors.New("a damaged archive")
		}
		m := member{name: strings.TrimRight(string(head[:16]), " "), off: at + arHeaderSize, size: size}
		all = append(all, m)
		at = m.end()
	}
}

// memberHeader is what stands before the content of a member.
func memberHeader(name string, size int64) string {
	return fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o644, size)
}

// A Fingerprint identifies the export data of a package. An importer records
// those of its imports, and the linker refuses a mix.
type fingerprint [8]byte

// An Object is what the linker needs to know about a compiled package before
// it reads the rest.
type object struct {
	fingerprint fingerprint
	imports     map[string]fingerprint
	variant     bool // the archive holds a second main package, see bootstrap.go
}

const (
	objectMagic      = "\x00go120ld"
	objectHeaderSize = len(objectMagic) + 8 + 4 // and the offsets of the blocks
)

// readObject reads the import table of the object file in an archive. It does
// so with a few small reads: the archives of a program are many and large.
func readObject(path string) (object, error) {
	f, err := os.Open(path)
	if err != nil {
		return object{}, err
	}
	defer f.Close()
	all, err := members(f)
	if err != nil {
		return object{}, fmt.Errorf("%s: %w", path, err)
	}
	var o object
	for _, m := range all {
		switch m.name {
		case mainMember:
			o.variant = true
		case objectMember:
			variant := o.variant
			if o, err = parseObject(io.NewSectionReader(f, m.off, m.size)); err != nil {
				return object{}, fmt.Errorf("%s: %w", path, err)
			}
			o.variant = variant
		}
	}
	return o, nil
}

func parseObject(r *io.SectionReader) (object, error) {
	// A text header comes first, such as "go object linux amd64 …\n!\n". With
	// cgo it also holds what the linker must know of the C side.
	var head []byte
	start := -1
	for size := int64(4 << 10); start < 0 || len(head) < start+3+objectHeaderSize+8; size *= 4 {
		if int64(len(head)) == r.Size() {
			return object{}, errors.New("an object file of another Go version")
		}
		head = make([]byte, min(size, r.Size()))
		if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			return object{}, err
		}
		start = bytes.Index(head, []byte("\n!\n"+objectMagic))
	}
	base := int64(start + 3)
	header := head[base:]
	o := object{imports: make(map[string]fingerprint)}
	copy(o.fingerprint[:], header[len(objectMagic):])
	from := binary.LittleEndian.Uint32(header[objectHeaderSize:])
	to := binary.LittleEndian.Uint32(header[objectHeaderSize+4:])
	if to < from || int64(to) > r.Size() {
		return object{}, errors.New("a damaged object file")
	}
	table := make([]byte, to-from)
	if _, err := r.ReadAt(table, base+int64(from)); err != nil {
		return object{}, err
	}
	// The names of the imports stand side by side among those of the symbols,
	// which can be megabytes.
	const entrySize = 4 + 4 + 8
	name := func(entry []byte) (from, to int64) {
		from = int64(binary.LittleEndian.Uint32(entry[4:]))
		return from, from + int64(binary.LittleEndian.Uint32(entry))
	}
	var low, high int64
	for entry := table; len(entry) >= entrySize; entry = entry[entrySize:] {
		from, to := name(entry)
		if high == 0 {
			low = from
		}
		low, high = min(low, from), max(high, to)
	}
	if base+high > r.Size() {
		return object{}, errors.New("a damaged object file")
	}
	names := make([]byte, high-low)
	if _, err := r.ReadAt(names, base+low); err != nil {
		return object{}, err
	}
	for entry := table; len(entry) >= entrySize; entry = entry[entrySize:] {
		from, to := name(entry)
		var fp fingerprint
		copy(fp[:], entry[8:])
		o.imports[string(names[from-low:to-low])] = fp
	}
	return o, nil
}
