package instrument

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// Severity says what a [Diagnostic] means for the command that meets it.
type Severity uint8

// An Error stops the command before it writes anything; a Warning is printed
// and the command goes on.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// A Diagnostic is one finding about a user's source or configuration.
type Diagnostic struct {
	Pos      token.Position // the innermost place: the argument, not the comment
	Severity Severity
	Rule     string // short stable name, such as "unknown-key"; SARIF and JSON carry it
	Message  string // what is wrong
	Fix      string // what to do; may be empty
}

// String formats d as file:line:col: message; fix.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.Pos.Filename != "" || d.Pos.IsValid() {
		b.WriteString(d.Pos.String())
		b.WriteString(": ")
	}
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if d.Fix != "" {
		b.WriteString("; ")
		b.WriteString(d.Fix)
	}
	return b.String()
}

// HasErrors reports whether any of ds is an [Error].
func HasErrors(ds []Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// SortDiagnostics orders ds by file, line, column and message.
func SortDiagnostics(ds []Diagnostic) {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

func errorf(pos token.Position, rule, fix, format string, args ...any) Diagnostic {
	return Diagnostic{Pos: pos, Rule: rule, Message: fmt.Sprintf(format, args...), Fix: fix}
}
