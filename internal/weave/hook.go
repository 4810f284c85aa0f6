// Package weave rewrites the calls of one package as hooks say. It is pure:
// syntax trees and types come in, edits of the files' bytes and what was found
// go out. Where the types come from, sources or export data, is the front end's
// business.
//
// What is matched is matched by the types' identity: package path, receiver and
// name of what an identifier stands for, whatever the file calls it.
package weave

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/nearest"
)

// A Hook is one point of a library bound to the types of a program.
type Hook struct {
	Library *hooks.Library
	Point   hooks.Point
	// Index is that of Point in Library.Points.
	Index int

	pkg    *types.Package // the hook package
	fn     *types.Func    // of the hook package; nil of an import
	target types.Type     // of a parameter its type, of an implemented method its interface
	params int            // of an entry: how many the hook function takes
	calls  bool           // of an entry: the hook function returns nothing
	// Of a method that is called through interfaces: the method. fn is then the
	// function that takes the interface.
	through *types.Func
}

// A Mismatch is a point that can't be woven with the library's and the hook
// package's types as they are.
type Mismatch struct {
	Library *hooks.Library
	Point   hooks.Point
	Reason  string
}

// Bind looks up what the points of a library name, in packages that load
// returns by import path. A point whose target is gone or has another signature
// than the hook's function is a Mismatch, and the other points stay.
func Bind(l *hooks.Library, load func(path string) (*types.Package, error)) ([]*Hook, []Mismatch) {
	var bound []*Hook
	var problems []Mismatch
	hookPkg, err := load(l.Hook)
	for i, p := range l.Points {
		if err != nil {
			return nil, []Mismatch{{l, p, fmt.Sprintf("the hook package %s cannot be read: %s", l.Hook, oneLine(err))}}
		}
		h := &Hook{Library: l, Point: p, Index: i, pkg: hookPkg}
		if p.Kind == hooks.Import {
			bound = append(bound, h)
			continue
		}
		target, err := load(p.Target.Package)
		if err != nil {
			problems = append(problems, Mismatch{l, p, fmt.Sprintf("%s cannot be read: %s", p.Target.Package, oneLine(err))})
			continue
		}
		if reason := h.bind(hookPkg, target); reason != "" {
			problems = append(problems, Mismatch{l, p, reason})
			continue
		}
		bound = append(bound, h)
		if p.Interfaces == "" {
			continue
		}
		through, reason := h.bindInterfaces(target)
		if reason != "" {
			problems = append(problems, Mismatch{l, p, reason})
			continue
		}
		bound = append(bound, through)
	}
	return bound, problems
}

// oneLine is what went wrong in one line of a table; the go command may use several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// bind returns why the point does not fit.
func (h *Hook) bind(hookPkg, target *types.Package) string {
	p := h.Point
	fn, ok := hookPkg.Scope().Lookup(p.Func).(*types.Func)
	if !ok {
		return fmt.Sprintf("%s has no function %s%s", hookPkg.Path(), p.Func, meant(p.Func, exported(hookPkg)))
	}
	h.fn = fn
	obj := Lookup(target, p.Target)
	if obj == nil {
		other := p.Target
		other.Pointer = !other.Pointer
		if p.Target.Receiver != "" && Lookup(target, other) != nil {
			return fmt.Sprintf("%s is %s", p.Target, other)
		}
		return fmt.Sprintf("%s is gone%s", p.Target, nearby(target, p.Target))
	}
	have := fn.Signature()
	switch p.Kind {
	case hooks.Literal:
		return h.bindLiteral(obj, have)
	case hooks.Parameter:
		return h.bindParameter(obj, have)
	}
	of, ok := obj.(*types.Func)
	if !ok {
		return fmt.Sprintf("%s is no function", p.Target)
	}
	sig := of.Signature()
	recv := sig.Recv()
	switch ofInterface := recv != nil && types.IsInterface(recv.Type()); {
	case ofInterface && !p.Implements:
		return fmt.Sprintf("%s is a method of an interface", p.Target)
	case p.Implements && !ofInterface:
		return fmt.Sprintf("%s is no method of an interface", p.Target)
	case p.Implements:
		sig, h.target = h.implemented(target, sig)
		if sig == nil {
			return fmt.Sprintf("%s is a method of a generic interface", p.Target)
		}
	}
	switch p.Kind {
	case hooks.Function, hooks.Method:
		want := flat(sig)
		if p.Context != hooks.Nobody {
			if want = withContext(want, have); want == nil {
				return fmt.Sprintf("%s.%s is %s, which must take a context first", hookPkg.Name(), p.Func, brief(have))
			}
		}
		if !sameSignature(have, want, typeParams(sig)) {
			return fmt.Sprintf("%s is %s, and %s.%s is %s", p.Target, brief(want), hookPkg.Name(), p.Func, brief(have))
		}
	case hooks.Result:
		results := sig.Results()
		if results.Len() == 0 {
			return fmt.Sprintf("%s returns nothing", p.Target)
		}
		want := types.NewSignatureType(nil, nil, nil, results, results, false)
		if !sameSignature(have, want, typeParams(sig)) {
			return fmt.Sprintf("%s returns %s, and %s.%s is %s", p.Target, brief(results), hookPkg.Name(), p.Func, brief(have))
		}
	case hooks.Entry:
		return h.bindEntry(sig, have)
	case hooks.Goroutine:
		results := sig.Results()
		if sig.Recv() != nil || sig.Params().Len() > 0 || results.Len() != 1 || !types.Identical(have, types.NewSignatureType(nil, nil, nil, results, results, false)) {
			return fmt.Sprintf("%s is %s, and %s.%s is %s", p.Target, brief(sig), hookPkg.Name(), p.Func, brief(have))
		}
	}
	return ""
}

func (h *Hook) bindLiteral(obj types.Object, have *types.Signature) string {
	p := h.Point
	name, ok := obj.(*types.TypeName)
	if !ok {
		return fmt.Sprintf("%s is no type", p.Target)
	}
	st, ok := name.Type().Underlying().(*types.Struct)
	if !ok {
		return fmt.Sprintf("%s is no struct", p.Target)
	}
	for f := range st.Fields() {
		if f.Name() != p.Field {
			continue
		}
		var params []*types.TypeParam
		if named, ok := types.Unalias(name.Type()).(*types.Named); ok {
			params = slices.Collect(named.TypeParams().TypeParams())
		}
		one := types.NewTuple(types.NewVar(0, nil, "", f.Type()))
		if !sameSignature(have, types.NewSignatureType(nil, nil, nil, one, one, false), params) {
			return fmt.Sprintf("the field %s of %s is of type %s, and %s.%s is %s", p.Field, p.Target, brief(f.Type()), h.fn.Pkg().Name(), p.Func, brief(have))
		}
		if p.Absent && !hasNil(f.Type()) {
			return fmt.Sprintf("the field %s of %s cannot be nil, and absent: true needs that", p.Field, p.Target)
		}
		return ""
	}
	return fmt.Sprintf("%s has no field %s", p.Target, p.Field)
}

func (h *Hook) bindEntry(sig, have *types.Signature) string {
	p := h.Point
	if len(typeParams(sig)) > 0 {
		return fmt.Sprintf("%s is generic, which a hook at the entry cannot be", p.Target)
	}
	want := flat(sig)
	h.params = have.Params().Len()
	fits := have.TypeParams().Len() == 0 && !have.Variadic() && h.params <= want.Params().Len()
	for i := 0; fits && i < h.params; i++ {
		// The hook package cannot import the package that it hooks, so it may
		// take a receiver as an interface.
		fits = types.AssignableTo(want.Params().At(i).Type(), have.Params().At(i).Type())
	}
	if !fits {
		return fmt.Sprintf("%s takes %s, and %s.%s is %s, which must take the first of these", p.Target, brief(want.Params()), h.fn.Pkg().Name(), p.Func, brief(have))
	}
	switch results := have.Results(); {
	case results.Len() == 0:
		h.calls = true
	case results.Len() == 1 && types.Identical(results.At(0).Type(), types.NewSignatureType(nil, nil, nil, nil, nil, false)):
	default:
		return fmt.Sprintf("%s.%s returns %s; a hook at the entry returns func() or nothing", h.fn.Pkg().Name(), p.Func, brief(results))
	}
	return ""
}

// Lookup returns what s names in pkg, and nil when there is no such thing. A
// method is that of the type itself, not one promoted to it.
func Lookup(pkg *types.Package, s hooks.Symbol) types.Object {
	if s.Receiver == "" {
		return pkg.Scope().Lookup(s.Name)
	}
	name, ok := pkg.Scope().Lookup(s.Receiver).(*types.TypeName)
	if !ok {
		return nil
	}
	named, ok := types.Unalias(name.Type()).(*types.Named)
	if !ok {
		return nil
	}
	if all, ok := named.Underlying().(*types.Interface); ok {
		for m := range all.Methods() {
			if m.Name() == s.Name && !s.Pointer {
				return m
			}
		}
		return nil
	}
	for m := range named.Methods() {
		if m.Name() != s.Name {
			continue
		}
		if _, pointer := types.Unalias(m.Signature().Recv().Type()).(*types.Pointer); pointer == s.Pointer {
			return m
		}
	}
	return nil
}

// nearby is what s, which is not in pkg, may have been meant to name.
func nearby(pkg *types.Package, s hooks.Symbol) string {
	if s.Receiver == "" {
		return meant(s.Name, exported(pkg))
	}
	name, ok := pkg.Scope().Lookup(s.Receiver).(*types.TypeName)
	if !ok {
		return meant(s.Receiver, exported(pkg))
	}
	of := name.Type()
	if !types.IsInterface(of) {
		of = types.NewPointer(of)
	}
	var methods []string
	for m := range types.NewMethodSet(of).Methods() {
		if m.Obj().Exported() && len(m.Index()) == 1 {
			methods = append(methods, m.Obj().Name())
		}
	}
	return meant(s.Name, methods)
}

func exported(pkg *types.Package) []string {
	return slices.DeleteFunc(pkg.Scope().Names(), func(name string) bool { return !token.IsExported(name) })
}

// meant asks for the candidate that word is a slip of, if there is one.
func meant(word string, candidates []string) string {
	if name := nearest.Name(word, candidates); name != "" {
		return " (did you mean " + name + "?)"
	}
	return ""
}

// flat is sig with the receiver as its first parameter.
func flat(sig *types.Signature) *types.Signature {
	if sig.Recv() == nil {
		return sig
	}
	params := append([]*types.Var{sig.Recv()}, slices.Collect(sig.Params().Variables())...)
	return types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), sig.Results(), sig.Variadic())
}

// typeParams returns those of a function, or of a method's receiver.
func typeParams(sig *types.Signature) []*types.TypeParam {
	if sig.Recv() != nil {
		return slices.Collect(sig.RecvTypeParams().TypeParams())
	}
	return slices.Collect(sig.TypeParams().TypeParams())
}

// sameSignature reports whether have is want, when have's type parameters stand
// for params.
func sameSignature(have, want *types.Signature, params []*types.TypeParam) bool {
	if have.TypeParams().Len() == 0 && len(params) == 0 || want.TypeParams().Len() > 0 {
		return types.Identical(have, want)
	}
	if have.TypeParams().Len() != len(params) {
		return false
	}
	args := make([]types.Type, len(params))
	for i, p := range params {
		args[i] = p
	}
	instance, err := types.Instantiate(nil, have, args, false)
	return err == nil && types.Identical(instance, want)
}

func hasNil(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Signature, *types.Interface, *types.Map, *types.Slice, *types.Chan:
		return true
	}
	return false
}

// brief writes a type or a tuple with the names of packages, not their paths.
func brief(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}
