package bootstrap

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestOperationsAreListedAndSwitched(t *testing.T) {
	out, _ := begin(t, "PROMETHEUS_PORT", "0")
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	url = strings.TrimSuffix(url, "/metrics") + "/-/operations"
	o := new(orchestrall.Operation)
	o.Register(orchestrall.Spec{Name: "Switch.Run", Kind: orchestrall.Agent, Hang: time.Minute, File: "run.go", Line: 7})
	failed := io.ErrUnexpectedEOF
	func() {
		_, call := o.Start(t.Context())
		defer call.EndErr(&failed)
	}()

	list := func(body string) map[string]any {
		t.Helper()
		var answer struct{ Operations []map[string]any }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Operations) != 1 {
			t.Fatalf("%v\n%s", err, body)
		}
		return answer.Operations[0]
	}
	got := list(get(t, url+"?name=Switch.*"))
	for key, want := range map[string]any{
		"name": "Switch.Run", "kind": "agent", "file": "run.go", "line": 7.0, "state": "on", "log": "default", "sample": "default",
		"calls": 1.0, "failed": 1.0, "inFlight": 0.0, "hang": "1m0s",
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}

	post := func(query string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, url+"?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for _, test := range []struct {
		query  string
		header []string
		want   int
	}{
		{"name=Switch.Run&state=off", nil, 403},
		{"name=Switch.Run&state=off", []string{operatorHeader, "operator", "Origin", "http://evil.example"}, 403},
		{"name=Switch.Run&state=off", []string{operatorHeader, "operator", "Sec-Fetch-Site", "cross-site"}, 403},
		{"state=off", []string{operatorHeader, "operator"}, 400},
		{"name=Switch.Run", []string{operatorHeader, "operator"}, 400},
		{"name=Switch.Run&state=perhaps", []string{operatorHeader, "operator"}, 400},
		{"name=Switch.Run&stat=off", []string{operatorHeader, "operator"}, 400},
		{"name=Switch.Run&state=off&state=on", []string{operatorHeader, "operator"}, 400},
		{"name=No.Such&state=off", []string{operatorHeader, "operator"}, 404},
	} {
		if code, body := post(test.query, test.header...); code != test.want {
			t.Errorf("%s %v: %d %s, want %d", test.query, test.header, code, body, test.want)
		}
	}
	if got := list(get(t, url+"?name=Switch.Run")); got["state"] != "on" {
		t.Error("a refused request had an effect")
	}
	code, body := post("name=Switch.*&state=OFF&log=debug&sample=0.5", operatorHeader, "operator")
	if got := list(body); code != 200 || got["state"] != "off" || got["log"] != "debug" || got["sample"] != "0.5" {
		t.Errorf("%d %s", code, body)
	}
	lines := out.lines(t)
	if last := lines[len(lines)-1]; last["message"] != "operations were changed by an operator" || metadata(last)["operations"] != 1.0 {
		t.Errorf("the change was not logged: %v", last)
	}
	if _, call := o.Start(t.Context()); call != (orchestrall.Call{}) {
		t.Error("the operation still runs")
	}
}
