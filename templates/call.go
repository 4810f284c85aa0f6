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

// Lines renders p, a line of Go each, without indentation. A function literal
// has lines of its own: gofmt would break a long one, and then not every line
// would carry the marker.
func (p Prologue) Lines() []string {
	start := fill(p.AtStart)
	var lines []string
	switch {
	case p.Ctx == "":
		lines = call("orchestrallCall := "+p.Op+".StartRoot(", start)
	case p.Get != "":
		lines = call("orchestrallCall := "+p.Op+".StartVia(", literal("func() orchestrallContext", "return "+p.Get), p.setter(), start)
	default:
		lines = call(p.Ctx+", orchestrallCall := "+p.Op+".Start(", []string{p.In}, start)
	}
	return append(lines, p.end()...)
}

// NewContext is the name by which Set names the context to put in.
const NewContext = "orchestrallNewCtx"

func (p Prologue) setter() []string {
	if p.Set == "" {
		return literal("func(orchestrallContext)")
	}
	return literal("func("+NewContext+" orchestrallContext)", p.Set)
}

func (p Prologue) end() []string {
	last := fill(p.AtEnd)
	switch p.Stream {
	case Seq:
		return call("defer orchestrallEndSeq(", []string{"&orchestrallCall, &" + p.Result}, p.errFunc(), last)
	case Seq2:
		return call("defer orchestrallEndSeq2(", []string{"&orchestrallCall, &" + p.Result}, p.errFunc(), last)
	case Chan:
		return call("defer orchestrallEndChan(", []string{"&orchestrallCall, &" + p.Result}, p.errFunc(), last)
	}
	switch {
	case p.Err == "":
		return call("defer orchestrallCall.End(", last)
	case p.MaybeError:
		return call("defer orchestrallCall.EndFunc(", p.errFunc(), last)
	default:
		return call("defer orchestrallCall.EndErr(", []string{"&" + p.Err}, last)
	}
}

func (p Prologue) errFunc() []string {
	value := p.Err
	switch {
	case p.Err == "":
		value = "orchestrallNoError"
	case p.MaybeError:
		value = "orchestrallErrorOf(" + p.Err + ")"
	}
	return literal("func() orchestrallError", "return "+value)
}

// literal renders a function literal.
func literal(signature string, body ...string) []string {
	lines := append([]string{signature + " {"}, body...)
	return append(lines, "}")
}

// fill renders the function literal that evaluates the fields of cases.
func fill(cases []Case) []string {
	const signature = "func(orchestrallField orchestrallIndex) orchestrallValue"
	switch len(cases) {
	case 0:
		return nil
	case 1:
		return literal(signature, "return orchestrallOf("+cases[0].Expr+")")
	}
	body := []string{"switch orchestrallField {"}
	for i, c := range cases {
		head := "default:"
		if i < len(cases)-1 {
			head = fmt.Sprintf("case %d:", c.Index)
		}
		body = append(body, head, "return orchestrallOf("+c.Expr+")")
	}
	return literal(signature, append(body, "}")...)
}

// call renders head(args…), where an argument may take several lines.
func call(head string, args ...[]string) []string {
	lines := []string{head}
	first := true
	for _, arg := range args {
		if len(arg) == 0 {
			continue
		}
		if !first {
			lines[len(lines)-1] += ", "
		}
		first = false
		lines[len(lines)-1] += arg[0]
		lines = append(lines, arg[1:]...)
	}
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
