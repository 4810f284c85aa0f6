// Package drift compares what stands on disk with what a front end would
// write, and reports the difference and every other finding in the format that
// the reader wants: a person, a program, or a code host.
package drift

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/orchestrall/orchestrall/instrument"
)

// A File is one file as it is and as it should be.
type File struct {
	Path string // absolute
	Have []byte // nil: not on disk yet
	Want []byte // nil: should not be there
}

// Differs reports whether f is not what it should be.
func (f File) Differs() bool {
	return (f.Have == nil) != (f.Want == nil) || !bytes.Equal(f.Have, f.Want)
}

// Unified returns the change from Have to Want as a unified diff that
// `patch -p1` and `git apply` take, or "" where there is none. Names are
// relative to root.
func (f File) Unified(root string) string {
	if !f.Differs() {
		return ""
	}
	name := Rel(root, f.Path)
	oldName, newName := "a/"+name, "b/"+name
	if f.Have == nil {
		oldName = "/dev/null"
	}
	if f.Want == nil {
		newName = "/dev/null"
	}
	text := diff.Diff(oldName, f.Have, newName, f.Want)
	// The first line repeats the two names; patch tools and people go by the
	// --- and +++ lines that follow.
	_, text, _ = bytes.Cut(text, []byte("\n"))
	return string(text)
}

// Finding describes a file that differs, at the first line that does. The fix
// says which command settles it.
func (f File) Finding(root, fix string) Finding {
	d := instrument.Diagnostic{Rule: "drift", Fix: fix}
	d.Pos.Filename = f.Path
	d.Pos.Line, d.Pos.Column = f.firstDifference(), 1
	switch {
	case f.Have == nil:
		d.Message = "missing: generate would write it"
	case f.Want == nil:
		d.Message = "left over: generate would remove it"
	default:
		d.Message = "differs from what generate would write"
	}
	return Finding{Diagnostic: d, Diff: f.Unified(root)}
}

func (f File) firstDifference() int {
	n := min(len(f.Have), len(f.Want))
	same := 0
	for same < n && f.Have[same] == f.Want[same] {
		same++
	}
	return 1 + bytes.Count(f.Have[:same], []byte("\n"))
}

// A Finding is something that is not as it should be. Diff is set where the
// finding is a file that differs.
type Finding struct {
	instrument.Diagnostic
	Diff string
}

// A Report is the outcome of one command.
type Report struct {
	Command  string // "check" or "lint": which command found this
	Version  string // of the tool
	Root     string // names are given relative to it
	Findings []Finding

	// CheckedIn is how many packages keep generated code beside their
	// sources, Drifted how many of these differ, and Directives how many
	// packages have directives that only a build front end reads.
	CheckedIn, Drifted, Directives int
}

// Add appends diagnostics as findings.
func (r *Report) Add(ds ...instrument.Diagnostic) {
	for _, d := range ds {
		r.Findings = append(r.Findings, Finding{Diagnostic: d})
	}
}

// HasErrors reports whether any finding is an error.
func (r *Report) HasErrors() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == instrument.Error })
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// Summary says in one line what a check saw.
func (r *Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s checked in", packages(r.CheckedIn))
	switch {
	case r.CheckedIn == 0:
	case r.Drifted == 0:
		b.WriteString(", up to date")
	default:
		fmt.Fprintf(&b, ", %d out of date", r.Drifted)
	}
	fmt.Fprintf(&b, "; %s with directives for the build", packages(r.Directives))
	return b.String()
}

func packages(n int) string {
	if n == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", n)
}

// Rel returns path relative to root with forward slashes, or path itself when
// it lies elsewhere.
func Rel(root, path string) string {
	if root == "" {
		return filepath.ToSlash(path)
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}
