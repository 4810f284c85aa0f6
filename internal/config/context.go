package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"strings"
)

// A Context tells how to reach the context that a value of some type carries.
// In Get and Set, {} stands for the value, and in Set ctx for the new context:
//
//	type: "*github.com/gin-gonic/gin.Context"
//	get: "{}.Request.Context()"
//	set: "{}.Request = {}.Request.WithContext(ctx)"
type Context struct {
	Type string // import path and name, with a star for a pointer: *net/http.Request
	Get  string // an expression
	Set  string // a statement; "" when the value can't be given another context

	Pos token.Position `json:"-"`
}

// The types that need no configuration.
var builtinContexts = []Context{
	{Type: "*net/http.Request", Get: "{}.Context()", Set: "{} = {}.WithContext(ctx)"},
	{Type: "*github.com/gin-gonic/gin.Context", Get: "{}.Request.Context()", Set: "{}.Request = {}.Request.WithContext(ctx)"},
	{Type: "github.com/labstack/echo/v4.Context", Get: "{}.Request().Context()", Set: "{}.SetRequest({}.Request().WithContext(ctx))"},
	{Type: "*github.com/labstack/echo/v5.Context", Get: "{}.Request().Context()", Set: "{}.SetRequest({}.Request().WithContext(ctx))"},
	{Type: "*github.com/gofiber/fiber/v2.Ctx", Get: "{}.UserContext()", Set: "{}.SetUserContext(ctx)"},
	{Type: "*github.com/urfave/cli/v2.Context", Get: "{}.Context", Set: "{}.Context = ctx"},
}

// Context returns how to reach the context of a value of that type, which is
// written as in the file: *net/http.Request.
func (c *Config) Context(typeName string) (Context, bool) {
	if c != nil {
		for _, x := range c.Contexts {
			if x.Type == typeName {
				return x, true
			}
		}
	}
	for _, x := range builtinContexts {
		if x.Type == typeName {
			return x, true
		}
	}
	return Context{}, false
}

// Carriers describes the types of the file in one text: what is woven for the
// context of a caller depends on nothing else of them.
func (c *Config) Carriers() string {
	var text strings.Builder
	if c != nil {
		for _, x := range c.Contexts {
			fmt.Fprintf(&text, "%q %q\n", x.Type, x.Get)
		}
	}
	return text.String()
}

// GetExpr returns Get for the variable named value.
func (x Context) GetExpr(value string) string { return strings.ReplaceAll(x.Get, "{}", value) }

// SetStmt returns Set for the variable named value and a new context named
// ctx, which may differ from the ctx of the file: value itself could be named
// so.
func (x Context) SetStmt(value, ctx string) string {
	if x.Set == "" {
		return ""
	}
	const hole = "orchestrallHole"
	src := []byte(strings.ReplaceAll(x.Set, "{}", hole))
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, 0)
	var out strings.Builder
	done, selected := 0, false
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.IDENT && !selected && (lit == "ctx" || lit == hole) {
			at := file.Offset(pos)
			out.Write(src[done:at])
			if lit == hole {
				out.WriteString(value)
			} else {
				out.WriteString(ctx)
			}
			done = at + len(lit)
		}
		selected = tok == token.PERIOD
	}
	out.Write(src[done:])
	return out.String()
}

// typeProblem says what is wrong with the type's name.
func typeProblem(name string) string {
	bare := strings.TrimPrefix(name, "*")
	slash := strings.LastIndex(bare, "/")
	dot := strings.LastIndex(bare, ".")
	switch {
	case bare == "":
		return "empty type"
	case dot <= slash || !token.IsIdentifier(bare[dot+1:]) || path.Clean(bare[:dot]) != bare[:dot]:
		return "bad type " + quote(name) + ": write the import path and the name, such as *net/http.Request"
	case !token.IsExported(bare[dot+1:]):
		return "bad type " + quote(name) + ": no other package can name it"
	}
	return ""
}

// exprProblem says what is wrong with a get expression or a set statement. It
// may use nothing but the value and ctx: a user's file imports what it likes.
func exprProblem(text string, set bool) string {
	const hole = "orchestrallHole"
	if !strings.Contains(text, "{}") {
		return "no {} in " + quote(text) + ": it stands for the value"
	}
	src := strings.ReplaceAll(text, "{}", hole)
	var root ast.Node
	if set {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() {\n"+src+"\n}", parser.SkipObjectResolution)
		if err != nil {
			return "not a statement: " + quote(text)
		}
		fn, ok := file.Decls[0].(*ast.FuncDecl)
		if !ok || len(file.Decls) != 1 || len(fn.Body.List) != 1 {
			return "not one statement: " + quote(text)
		}
		switch fn.Body.List[0].(type) {
		case *ast.AssignStmt, *ast.ExprStmt:
		default:
			return "neither a call nor an assignment: " + quote(text)
		}
		root = fn.Body
	} else {
		x, err := parser.ParseExpr(src)
		if err != nil {
			return "not an expression: " + quote(text)
		}
		root = x
	}
	problem, seesCtx := "", false
	fields := make(map[*ast.Ident]bool)
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			problem = "a function literal in " + quote(text)
			return false
		case *ast.SelectorExpr:
			fields[n.Sel] = true
		case *ast.Ident:
			switch {
			case fields[n] || n.Name == hole:
			case set && n.Name == "ctx":
				seesCtx = true
			default:
				problem = quote(n.Name) + " in " + quote(text) + " is not known everywhere"
			}
		}
		return problem == ""
	})
	if problem == "" && set && !seesCtx {
		problem = "no ctx in " + quote(text) + ": it stands for the new context"
	}
	return problem
}
