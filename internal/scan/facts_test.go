package scan

import "testing"

func TestDetaches(t *testing.T) {
	for body, want := range map[string]bool{
		"go work(context.Background())":                           true,
		"wg.Go(func() { work(context.TODO()) })":                  true,
		"wg.Go(func() { work(ctx) })":                             false,
		"work(context.Background())":                              false,
		"group.TryGo(func() error { return work(Background()) })": true,
	} {
		if got := Detaches([]byte("package p\n\nfunc f() { " + body + " }\n")); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
