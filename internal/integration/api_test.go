package integration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPaths(t *testing.T) {
	var tr trace
	if err := json.Unmarshal([]byte(`{"spans": [
		{"spanID": "c", "operationName": "leaf", "references": [{"refType": "CHILD_OF", "spanID": "b"}]},
		{"spanID": "a", "operationName": "root"},
		{"spanID": "b", "operationName": "middle", "references": [{"refType": "CHILD_OF", "spanID": "a"}]},
		{"spanID": "x", "operationName": "orphan", "references": [{"refType": "CHILD_OF", "spanID": "lost"}]},
		{"spanID": "r", "operationName": "ring", "references": [{"refType": "CHILD_OF", "spanID": "r"}]}
	]}`), &tr); err != nil {
		t.Fatal(err)
	}
	paths := tr.paths()
	for _, want := range []string{"root > middle > leaf", "root", "root > middle", "? > orphan"} {
		if !slices.Contains(paths, want) {
			t.Errorf("no %q in %q", want, paths)
		}
	}
	if !subsequence("http > root > middle > sql > leaf", "root > leaf") || subsequence("root > middle", "middle > root") || subsequence("root", "root > leaf") {
		t.Error("the order of the names, or their number, does not matter")
	}
}

// await gives up at the limit with the last error, and at once where waiting is
// of no use.
func TestAwait(t *testing.T) {
	asked := 0
	if err := await(t.Context(), time.Minute, func(context.Context) error {
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	}); err != nil || asked != 3 {
		t.Errorf("%v after %d", err, asked)
	}
	final := errors.New("never")
	if err := await(t.Context(), time.Minute, func(context.Context) error { return stopWaiting{final} }); !errors.Is(err, final) {
		t.Error(err)
	}
	if err := await(t.Context(), time.Millisecond, func(context.Context) error { return final }); !errors.Is(err, final) {
		t.Error(err)
	}
}

func TestWebhook(t *testing.T) {
	w := newWebhook()
	defer w.server.Close()
	res, err := http.Post(w.server.URL, "application/json", strings.NewReader(`{"alerts": [{"status": "firing", "labels": {"alertname": "A", "job": "b"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if !w.has("A", "b", "firing") || w.has("A", "b", "resolved") || w.has("A", "c", "firing") {
		t.Errorf("%+v", w.news)
	}
}
