package contextkey

import (
	"context"
	"testing"
)

type key struct{}

func TestOf(t *testing.T) {
	if got := Of(func(ctx context.Context) { ctx.Value(key{}) }); got != (key{}) {
		t.Errorf("the key is %#v", got)
	}
	if got := Of(func(ctx context.Context) { ctx.Value(key{}); ctx.Value(1) }); got != nil {
		t.Errorf("of two keys it is %#v", got)
	}
	if got := Of(func(context.Context) {}); got != nil {
		t.Errorf("of none it is %#v", got)
	}
}
