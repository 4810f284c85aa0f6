package nearest

import "testing"

func TestFix(t *testing.T) {
	keys := []string{"select", "package", "name", "generate"}
	for _, test := range []struct{ word, want string }{
		{"selct", "did you mean select?"},
		{"slecet", "did you mean select?"},
		{"pakcage", "did you mean package?"},
		{"nmae", "did you mean name?"},
		{"contexts", "known: generate, name, package, select"},
	} {
		if got := Fix(test.word, keys); got != test.want {
			t.Errorf("%s: got %q, want %q", test.word, got, test.want)
		}
	}
	if got := Fix("x", nil); got != "" {
		t.Errorf("nothing is known, but: %q", got)
	}
}
