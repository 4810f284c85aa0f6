package orchestrall_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type name string

// Each call is written as generated code writes it, so that a Call or a closure
// that escapes shows up here as an allocation.
func TestUnsampledCallsDoNotAllocate(t *testing.T) {
	otelProvider := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	t.Cleanup(func() { otel.SetTracerProvider(otelProvider) })
	use(t, orchestrall.NewHandler(slog.NewJSONHandler(io.Discard, nil)))
	ctx := below(false)

	plain := operation(orchestrall.Spec{Name: "Alloc.Plain", Slow: 1 << 40, Min: 1})
	attributes := operation(orchestrall.Spec{Name: "Alloc.Attributes", SpanName: "{2}", Fields: []orchestrall.Field{
		{Role: orchestrall.Attribute, Key: "a"},
		{Role: orchestrall.Event, Key: "b"},
		{Role: orchestrall.NamePart},
		{Role: orchestrall.Attribute, Key: "c", AtEnd: true},
	}})
	labels := operation(orchestrall.Spec{Name: "Alloc.Labels", Fields: []orchestrall.Field{
		label("a"), label("b"), {Role: orchestrall.Label, Key: "c", AtEnd: true},
	}})
	carried := operation(orchestrall.Spec{Name: "Alloc.Carried", Fields: []orchestrall.Field{
		{Role: orchestrall.Carried, Key: "userId"},
	}})
	service := operation(orchestrall.Spec{Name: "Alloc.Service", Kind: orchestrall.Agent, Slow: 1 << 40, Hang: 1 << 40, Log: "debug", Fields: []orchestrall.Field{
		{Role: orchestrall.Attribute, Key: "a"},
		{Role: orchestrall.Attribute, Key: "b"},
		{Role: orchestrall.Carried, Key: "userId"},
		label("stage"),
	}})
	users, turn := []string{"alice", "bob", "carol"}, 0

	for name, call := range map[string]func(){
		"plain": func() {
			var err error
			_, call := plain.Start(ctx)
			defer call.EndErr(&err)
		},
		"root without tracing": func() {
			orchestrall.SetTracing(false)
			defer orchestrall.SetTracing(true)
			call := plain.StartRoot()
			defer call.EndFunc(func() error { return nil })
		},
		"via": func() {
			own := ctx
			call := plain.StartVia(func() context.Context { return own }, func(c context.Context) { own = c })
			defer call.End()
		},
		"attributes": func() {
			in := struct{ user, stage string }{"u", "s"}
			n := 7
			_, call := attributes.Start(ctx, func(i int) orchestrall.Value {
				switch i {
				case 0:
					return of(in.user)
				default:
					return of(in.stage)
				}
			})
			defer call.End(func(int) orchestrall.Value { return of(n) })
		},
		"labels": func() {
			stage, code, out := name("crm"), 40400, true
			_, call := labels.Start(ctx, func(i int) orchestrall.Value {
				switch i {
				case 0:
					return of(stage)
				default:
					return of(code)
				}
			})
			defer call.End(func(int) orchestrall.Value { return of(out) })
		},
		"carried": func() {
			turn++
			user := users[turn%len(users)]
			_, call := carried.Start(ctx, func(int) orchestrall.Value { return of(user) })
			defer call.End()
		},
		"two attributes, a carried field and a label": func() {
			turn++
			in := struct {
				user  string
				stage name
			}{users[turn%len(users)], "crm"}
			var err error
			_, call := service.Start(ctx, func(i int) orchestrall.Value {
				switch i {
				case 0, 1:
					return of(turn)
				case 2:
					return of(in.user)
				default:
					return of(in.stage)
				}
			})
			defer call.EndErr(&err)
		},
	} {
		call()
		if n := testing.AllocsPerRun(200, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestOfDoesNotAllocate(t *testing.T) {
	text, number, flag, share, stringType := "text", int64(1<<40), true, 0.25, name("named")
	var v orchestrall.Value
	if n := testing.AllocsPerRun(100, func() {
		v = orchestrall.Of(text)
		v = orchestrall.Of(number)
		v = orchestrall.Of(flag)
		v = orchestrall.Of(share)
		v = orchestrall.Of(stringType)
		v = orchestrall.Of(level(3))
		v = orchestrall.Of(ratio(3))
		v = orchestrall.Of(enabled(true))
		v = orchestrall.Of(uint16(9))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = v
}
