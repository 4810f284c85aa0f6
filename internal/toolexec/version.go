package toolexec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// version answers -V=full. The go command takes the answer into the key of
// every compiled package and every linked program, so it names whatever changes
// what we make of them: this program, the configuration, and the version of the
// runtime that instrumented packages are compiled against.
func (t *tool) version(name string) int {
	var out bytes.Buffer
	if code := t.run([]string{"-V=full"}, &out, t.stderr); code != 0 {
		return code
	}
	id, err := t.identity(findGoCommand())
	if err != nil {
		return t.fail(fmt.Errorf("identifying this build: %w", err))
	}
	fmt.Fprintln(t.stdout, stamp(strings.TrimSpace(out.String()), id))
	return 0
}

// stamp adds our identity to the version line of a tool. Of a release the go
// command reads the whole line, of a development version only what follows the
// last slash of the build ID at its end.
func stamp(line, id string) string {
	buildID := strings.LastIndex(line, " buildID=")
	if buildID < 0 {
		return line + " orchestrall:" + id
	}
	slash := strings.LastIndexByte(line, '/')
	if slash < buildID {
		return line + "-" + id
	}
	sum := sha256.Sum256([]byte(line[slash+1:] + "\n" + id))
	return line[:slash+1] + hex.EncodeToString(sum[:10])
}

// engineID identifies this program: by the go command's content hash where it
// has one, else by its bytes.
func engineID() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(exe)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := f.Read(head)
	if err != nil {
		return "", err
	}
	if id := contentID(head[:n]); id != "" {
		return id, nil
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:10]), nil
}

// contentID reads the last part of the build ID that the linker puts near the
// start of the program: into an ELF note, or else at the start of the text.
func contentID(head []byte) string {
	id := elfNote(head)
	if id == "" {
		_, rest, _ := strings.Cut(string(head), "\xff Go build ID: \"")
		id, _, _ = strings.Cut(rest, "\"\n \xff")
	}
	return id[strings.LastIndexByte(id, '/')+1:]
}

// elfNote reads a note of the name Go and the type 4. On a machine of the other
// byte order it finds none, and the program is identified by all its bytes.
func elfNote(head []byte) string {
	const intro = "\x04\x00\x00\x00Go\x00\x00" // type and name
	at := bytes.Index(head, []byte(intro))
	if !bytes.HasPrefix(head, []byte("\x7fELF")) || at < 4 {
		return ""
	}
	size := binary.LittleEndian.Uint32(head[at-4:])
	desc := head[at+len(intro):]
	if uint64(size) > uint64(len(desc)) {
		return ""
	}
	return string(desc[:size])
}
