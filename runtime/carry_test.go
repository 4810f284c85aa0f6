package orchestrall_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// The contexts of short calls are cut from blocks. Whoever keeps one must read
// in it what its own call carried, however many calls have ended since.
func TestCarriedFieldsOutliveTheirCall(t *testing.T) {
	outer := operation(orchestrall.Spec{Name: "Carry.Outer", Fields: []orchestrall.Field{{Role: orchestrall.Carried, Key: "userId"}}})
	inner := operation(orchestrall.Spec{Name: "Carry.Inner", Fields: []orchestrall.Field{
		{Role: orchestrall.Carried, Key: "agentId"}, {Role: orchestrall.Carried, Key: "userId"}, {Role: orchestrall.Carried, Key: "n"},
	}})
	type kept struct {
		ctx  context.Context
		want string
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			var all []kept
			for i := range 500 {
				user, agent := fmt.Sprintf("u%d.%d", g, i), fmt.Sprintf("a%d.%d", g, i)
				ctx, call := outer.Start(below(false), func(int) orchestrall.Value { return of(user) })
				all = append(all, kept{ctx, "[userId=" + user + "]"})
				nested, second := inner.Start(ctx, func(f int) orchestrall.Value {
					return of([]string{agent, user + "x", "7"}[f])
				})
				all = append(all, kept{nested, "[userId=" + user + "x agentId=" + agent + " n=7]"})
				second.End()
				call.End()
			}
			for _, k := range all {
				if got := fmt.Sprint(orchestrall.CarriedAttrs(k.ctx)); got != k.want {
					t.Errorf("the context carries %s, want %s", got, k.want)
				}
			}
		})
	}
	wg.Wait()
}

type ballast [1 << 10]byte

// A context that is kept must not keep more than its block.
func TestKeptContextsKeepFewOthers(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Carry.Kept", Fields: []orchestrall.Field{{Role: orchestrall.Carried, Key: "userId"}}})
	var alive atomic.Int64
	var kept []context.Context
	const every, calls = 100, 4000
	for i := range calls {
		type key struct{}
		b := new(ballast)
		alive.Add(1)
		runtime.AddCleanup(b, func(int) { alive.Add(-1) }, 0)
		ctx, call := o.Start(context.WithValue(context.Background(), key{}, b), func(int) orchestrall.Value { return of(strconv.Itoa(i)) })
		call.End()
		if i%every == 0 {
			kept = append(kept, ctx)
		}
	}
	const most = 8 * (calls/every + 2) // those in the blocks in hand, too
	for i := 0; alive.Load() > most; i++ {
		if i == 50 {
			t.Fatalf("%d contexts are alive for %d that are kept", alive.Load(), len(kept))
		}
		runtime.GC()
		runtime.Gosched()
	}
	runtime.KeepAlive(kept)
}
