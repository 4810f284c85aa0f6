// Package templates holds the text that instrumentation is made of: what a
// function gets and the generated file beside it. It decides nothing; the
// engine fills it in.
package templates

import (
	"fmt"
	"strings"
)

// Marker ends every line that the source layout inserts.
const Marker = "//orchestrall:gen"

// Stream says how a result goes on after its function has returned.
type Stream uint8

// The streams that end a call.
const (
	NoStream Stream = iota
	Seq             // iter.Seq
	Seq2            // iter.Seq2
	Chan            // <-chan T
)

// A Case evaluates one field: its number in the operation's Fields and its
// expression.
type Case struct {
	Index int
	Expr  string
}

// A Prologue is what stands at the top of an instrumented function.
type Prologue struct {
	Op         string // the Operation variable
	Ctx        string // the variable that carries the context; "" = none
	In         string // the parameter it comes from, which may be Ctx itself
	Get, Set   string // how to read and replace the context of Ctx; "" = it is one
	AtStart    []Case
	AtEnd      []Case
	Stream     Stream
	Result     string // the streamed result
	Err        string // the result that carries the error; "" = none
	MaybeError bool   // whether Err is an error is found out at run time
}

// Main is the statement that starts and flushes the SDK in func main.
const Main = "defer orchestrallMain()()"

// Lines renders p, a line of Go each, without indentation.
func (p Prologue) Lines() []string {
	start := fill(p.AtStart)
	var lines []string
	switch {
	case p.Ctx == "":
		lines = call("orchestrallCall := "+p.Op+".StartRoot(", nil, start)
	case p.Get != "":
		lines = call("orchestrallCall := "+p.Op+".StartVia(", []string{
			"func() orchestrallContext { return " + p.Get + " }",
			"func(orchestrallCtx orchestrallContext) { " + p.Set + " }",
		}, start)
	default:
		lines = call(p.Ctx+", orchestrallCall := "+p.Op+".Start(", []string{p.In}, start)
	}
	return append(lines, p.end()...)
}

func (p Prologue) end() []string {
	last := fill(p.AtEnd)
	if p.Stream != NoStream {
		name := map[Stream]string{Seq: "orchestrallEndSeq", Seq2: "orchestrallEndSeq2", Chan: "orchestrallEndChan"}[p.Stream]
		return call("defer "+name+"(", []string{"&orchestrallCall", "&" + p.Result, p.errFunc()}, last)
	}
	switch {
	case p.Err == "":
		return call("defer orchestrallCall.End(", nil, last)
	case p.MaybeError:
		return call("defer orchestrallCall.EndFunc(", []string{p.errFunc()}, last)
	default:
		return call("defer orchestrallCall.EndErr(", []string{"&" + p.Err}, last)
	}
}

func (p Prologue) errFunc() string {
	value := p.Err
	switch {
	case p.Err == "":
		value = "orchestrallNoError"
	case p.MaybeError:
		value = "orchestrallErrorOf(" + p.Err + ")"
	}
	return "func() orchestrallError { return " + value + " }"
}

// fill renders the closure that evaluates the fields of cases.
func fill(cases []Case) []string {
	if len(cases) == 0 {
		return nil
	}
	lines := []string{"func(orchestrallField orchestrallIndex) orchestrallValue {"}
	if len(cases) == 1 {
		return append(lines, "return orchestrallOf("+cases[0].Expr+")", "}")
	}
	lines = append(lines, "switch orchestrallField {")
	for i, c := range cases {
		if i < len(cases)-1 {
			lines = append(lines, fmt.Sprintf("case %d:", c.Index))
		} else {
			lines = append(lines, "default:")
		}
		lines = append(lines, "return orchestrallOf("+c.Expr+")")
	}
	return append(lines, "}", "}")
}

// call renders head(args…, last…) where last is a closure of several lines.
func call(head string, args, last []string) []string {
	head += strings.Join(args, ", ")
	if len(last) == 0 {
		return []string{head + ")"}
	}
	if len(args) > 0 {
		head += ", "
	}
	lines := append([]string{head + last[0]}, last[1:]...)
	lines[len(lines)-1] += ")"
	return lines
}

// OneLine joins lines into one that holds the same statements.
func OneLine(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(line)
		if i == len(lines)-1 {
			break
		}
		switch {
		case strings.HasSuffix(line, "{") || strings.HasSuffix(line, ":") || strings.HasPrefix(lines[i+1], "}"):
			b.WriteString(" ")
		default:
			b.WriteString("; ")
		}
	}
	return b.String()
}
