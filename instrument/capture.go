package instrument

import (
	"go/ast"
	"go/token"
)

// capturesUnchanged reports whether a function literal in body captures the
// parameter name while nothing in body assigns it. Such a variable is captured
// by value; assigning the new context to it would move it to the heap at every
// call. The answer is false wherever syntax leaves a doubt.
func capturesUnchanged(body *ast.BlockStmt, name string) bool {
	c := &capture{name: name}
	c.visit(body, false)
	return c.captured && !c.changed
}

type capture struct {
	name              string
	captured, changed bool
}

func (c *capture) visit(root ast.Node, inside bool) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if !c.declaredBy(n.Type.Params) && !c.declaredBy(n.Type.Results) {
				c.visit(n.Body, true)
			}
			return false
		case *ast.FuncType, *ast.StructType, *ast.InterfaceType, *ast.BranchStmt:
			return false
		case *ast.LabeledStmt:
			c.visit(n.Stmt, inside)
			return false
		case *ast.SelectorExpr:
			c.visit(n.X, inside)
			return false
		case *ast.KeyValueExpr:
			c.visit(n.Value, inside)
			return false
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				c.change(x)
			}
		case *ast.RangeStmt:
			c.change(n.Key)
			c.change(n.Value)
		case *ast.ValueSpec:
			for _, id := range n.Names {
				c.change(id)
			}
		case *ast.TypeSpec:
			c.change(n.Name)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				c.change(n.X)
			}
		case *ast.Ident:
			if n.Name == c.name && inside {
				c.captured = true
			}
		}
		return true
	})
}

func (c *capture) change(x ast.Expr) {
	if id, ok := x.(*ast.Ident); ok && id.Name == c.name {
		c.changed = true
	}
}

func (c *capture) declaredBy(list *ast.FieldList) bool {
	if list == nil {
		return false
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			if id.Name == c.name {
				return true
			}
		}
	}
	return false
}
