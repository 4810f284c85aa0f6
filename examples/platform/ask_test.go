package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	for _, test := range []struct{ over, first string }{
		{"rest", "Here is what I found."},
		{"mcp", "Here is what I found."},
		{"events", "started\nstep validate\nstep process\nstep finalize\nfinished\nHere is"},
	} {
		t.Run(test.over, func(t *testing.T) {
			var out bytes.Buffer
			args := []string{"ask", "-over", test.over, "-agent", "onboarding", "Onboard", "cus_acme"}
			if err := run(t.Context(), args, &out, io.Discard); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), test.first) || !strings.Contains(out.String(), "Acme Freight") {
				t.Errorf("answer:\n%s", &out)
			}
		})
	}
}

func TestAskFails(t *testing.T) {
	for _, over := range []string{"rest", "mcp", "events"} {
		err := run(t.Context(), []string{"ask", "-over", over, "Tell me about cus_legacy"}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "decode profile") {
			t.Errorf("%s: error %v, want the cause", over, err)
		}
	}
	for _, args := range [][]string{{"ask"}, {"ask", "-over", "pigeon", "hello"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
