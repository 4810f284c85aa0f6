//go:build unix

// Package servers starts the database servers of tests.
package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Program finds a server's binary. Where it is not installed the test is
// skipped, unless the machine is meant to have it.
func Program(t testing.TB, name string, folders ...string) string {
	t.Helper()
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed, and ORCHESTRALL_REQUIRE_SERVERS=1 asks for it; apt-get install postgresql mariadb-server", name)
	}
	t.Skipf("%s is not installed; apt-get install postgresql mariadb-server", name)
	return ""
}

// nobody is whom the servers run as when the test runs as root, which they
// refuse.
const nobody = 65534

// Command prepares a program that runs below dir as somebody who is not root.
func Command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// Folder is short, since the path of a socket must be, and open to the servers.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sql")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Run runs a program to its end.
func Run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, out)
	}
}

// Serve starts a server and returns when it says that it is ready.
func Serve(t testing.TB, cmd *exec.Cmd, ready string) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	up := false
	for !up && lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		up = strings.Contains(lines.Text(), ready)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = cmd.Wait()
	})
	if !up {
		t.Fatalf("%s did not start:\n%s", filepath.Base(cmd.Path), log.String())
	}
}

// FreePort returns a port that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// PostgreSQL starts a server and returns its port.
func PostgreSQL(t testing.TB) (port string) {
	t.Helper()
	const installed = "/usr/lib/postgresql/*/bin"
	initdb, server := Program(t, "initdb", installed), Program(t, "postgres", installed)
	dir, port := Folder(t), FreePort(t)
	Run(t, Command(dir, initdb, "-D", dir+"/data", "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8"))
	Serve(t, Command(dir, server, "-D", dir+"/data", "-k", dir, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
		"database system is ready to accept connections")
	return port
}
