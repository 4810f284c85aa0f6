package toolexec

import (
	"bytes"
	"crypto/sha256"
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
	id, err := identity(findGoCommand())
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

// contentID reads the last part of the build ID that the linker puts at the
// start of the program's text.
func contentID(head []byte) string {
	_, rest, ok := bytes.Cut(head, []byte("\xff Go build ID: \""))
	if !ok {
		return ""
	}
	id, _, ok := bytes.Cut(rest, []byte("\"\n \xff"))
	if !ok {
		return ""
	}
	slash := bytes.LastIndexByte(id, '/')
	if slash < 0 {
		return ""
	}
	return string(id[slash+1:])
}
