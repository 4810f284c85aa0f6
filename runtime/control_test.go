package orchestrall_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func status(t *testing.T, name string) orchestrall.OperationStatus {
	t.Helper()
	for _, s := range orchestrall.OperationStatuses() {
		if s.Spec.Name == name {
			return s
		}
	}
	t.Fatalf("%s is not registered", name)
	return orchestrall.OperationStatus{}
}

func TestConfigureSwitchesOperations(t *testing.T) {
	recorder := spans(t)
	j := logs(t, slog.LevelDebug, true)
	control := unique("Control")
	first := operation(orchestrall.Spec{Name: control + ".First", Kind: orchestrall.Agent})
	second := operation(orchestrall.Spec{Name: control + ".Second", Log: "off", Function: "example.com/" + control + ".Second"})
	call := func(o *orchestrall.Operation) {
		_, c := o.Start(t.Context())
		c.End()
	}
	change := func(pattern string, s orchestrall.Setting, want int) {
		t.Helper()
		if n, err := orchestrall.Configure(pattern, s); err != nil || n != want {
			t.Fatalf("Configure(%q): %d, %v; want %d", pattern, n, err, want)
		}
	}

	call(first)
	change(control+".*", orchestrall.Setting{State: "off"}, 2)
	call(first)
	call(second)
	if n := len(recorder.Ended()); n != 1 {
		t.Fatalf("%d spans, want that of the first call", n)
	}
	if s := status(t, control+".First"); !s.Off() || s.Calls != 1 || s.Failed != 0 || s.InFlight != 0 || !s.Counted {
		t.Errorf("%+v", s)
	}
	change(control+".*", orchestrall.Setting{State: "on"}, 2)
	call(first)
	if s := status(t, control+".First"); s.Off() || s.Calls != 2 {
		t.Errorf("%+v", s)
	}

	before := len(j.lines(t))
	change("example.com/"+control+".Sec???", orchestrall.Setting{Log: "warn"}, 1)
	call(second)
	if lines := j.lines(t)[before:]; len(lines) != 2 || lines[0]["level"] != "WARN" {
		t.Errorf("lines %v, want start and finish", lines)
	}
	change(control+".Second", orchestrall.Setting{Log: "default", Sample: "0"}, 1)
	recorder.Reset()
	call(second)
	if len(j.lines(t)) != before+2 || len(recorder.Ended()) != 0 {
		t.Error("the directive's level did not come back, or the ratio had no effect")
	}
	if s := status(t, control+".Second"); s.Calls != 2 || s.Setting.Sample != "0" || s.Spec.Sample != "" {
		t.Errorf("%+v", s)
	}
	change(control+".Second", orchestrall.Setting{Sample: "default"}, 1)
	call(second)
	if len(recorder.Ended()) != 1 {
		t.Error("the sampler's own decision did not come back")
	}
}

func TestConfigureRefuses(t *testing.T) {
	for _, s := range []orchestrall.Setting{{}, {State: "maybe"}, {Log: "loud"}, {Sample: "2"}, {Sample: "some"}} {
		if _, err := orchestrall.Configure("*", s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	if n, err := orchestrall.Configure("No.Such", orchestrall.Setting{State: "on"}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPatterns(t *testing.T) {
	operation(orchestrall.Spec{Name: "Glob.Name/x"})
	for _, test := range []struct {
		pattern string
		want    bool
	}{
		{"Glob.Name/x", true},
		{"*", true},
		{"Glob.*", true},
		{"*/x", true},
		{"*b.N*e/?", true},
		{"**x**", true},
		{"Glob", false},
		{"?", false},
		{"*y", false},
		{"", false},
		{"Glob.Name/x?", false},
		{strings.Repeat("*a", 30), false},
	} {
		if _, err := orchestrall.Configure(test.pattern, orchestrall.Setting{Sample: "1"}); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, s := range orchestrall.OperationStatuses() {
			if s.Spec.Name == "Glob.Name/x" && s.Setting.Sample == "1" {
				found++
			}
		}
		if (found > 0) != test.want {
			t.Errorf("%q matches: %v", test.pattern, found > 0)
		}
		_, _ = orchestrall.Configure("*", orchestrall.Setting{Sample: "default"})
	}
}

func TestDisabledFromTheStart(t *testing.T) {
	if os.Getenv("OWN_TEST_PROGRAM") != "disable" {
		t.Setenv("ORCHESTRALL_DISABLE", "Disable.*Noisy , , Other.Thing")
		child(t, "disable", true)
		return
	}
	recorder := spans(t)
	noisy := operation(orchestrall.Spec{Name: "Disable.Very.Noisy"})
	quiet := operation(orchestrall.Spec{Name: "Disable.Quiet"})
	for _, o := range []*orchestrall.Operation{noisy, quiet} {
		_, call := o.Start(t.Context())
		call.End()
	}
	if ended := recorder.Ended(); len(ended) != 1 || ended[0].Name() != "Disable.Quiet" {
		t.Errorf("%d spans", len(ended))
	}
	if s := status(t, "Disable.Very.Noisy"); !s.Off() || s.Calls != 0 {
		t.Errorf("%+v", s)
	}
	if n, err := orchestrall.Configure("Disable.Very.Noisy", orchestrall.Setting{State: "on"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_, call := noisy.Start(t.Context())
	call.End()
	if len(recorder.Ended()) != 2 {
		t.Error("the operation could not be switched on again")
	}
}
