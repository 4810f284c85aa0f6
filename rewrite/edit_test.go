package rewrite_test

import (
	"testing"

	"github.com/orchestrall/orchestrall/rewrite"
)

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name  string
		src   string
		edits []rewrite.Edit
		want  string
	}{
		{"none", "abc", nil, "abc"},
		{"given in any order", "abc", []rewrite.Edit{rewrite.Insert(3, "!"), rewrite.Insert(0, "<")}, "<abc!"},
		{"insertions at one place keep their order", "ab", []rewrite.Edit{rewrite.Insert(1, "1"), rewrite.Insert(1, "2")}, "a12b"},
		{"replace and insert before it", "abc", []rewrite.Edit{{Start: 1, End: 2, Text: "B"}, rewrite.Insert(1, "-")}, "a-Bc"},
		{"delete all", "abc", []rewrite.Edit{rewrite.Delete(0, 3)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rewrite.Apply([]byte(c.src), c.edits)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestApplyRefusesBadEdits(t *testing.T) {
	for name, edits := range map[string][]rewrite.Edit{
		"beyond the end":   {rewrite.Insert(4, "x")},
		"before the start": {{Start: -1, End: 1}},
		"backwards":        {{Start: 2, End: 1}},
		"overlapping":      {rewrite.Delete(0, 2), rewrite.Delete(1, 3)},
		"inside a replaced range": {
			rewrite.Delete(0, 3), rewrite.Insert(1, "x"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := rewrite.Apply([]byte("abc"), edits); err == nil {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
}
