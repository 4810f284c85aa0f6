package bootstrap

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestActiveCallsAreServed(t *testing.T) {
	out, _ := begin(t, "PROMETHEUS_PORT", "0", "OTEL_EXPORTER", "console")
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	url = strings.TrimSuffix(url, "/metrics") + "/-/active"
	o := new(orchestrall.Operation)
	o.Register(orchestrall.Spec{Name: "Active.Run", Kind: orchestrall.Agent, Slow: time.Hour})
	_, call := o.Start(t.Context())
	var answer struct {
		Running int
		Calls   []map[string]any
	}
	if err := json.Unmarshal([]byte(get(t, url)), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Running != 1 || answer.Calls[0]["operation"] != "Active.Run" || answer.Calls[0]["kind"] != "agent" ||
		answer.Calls[0]["traceId"] == nil || answer.Calls[0]["age_ms"].(float64) <= 0 ||
		!strings.Contains(answer.Calls[0]["stack"].(string), "TestActiveCallsAreServed") {
		t.Errorf("got %+v", answer)
	}
	call.End()
	if got := get(t, url+"?limit=5&stack=off"); !strings.Contains(got, `"running": 0`) || !strings.Contains(got, `"calls": []`) {
		t.Errorf("after the end: %s", got)
	}
}

func TestOperatorOnly(t *testing.T) {
	h := operatorOnly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, test := range map[string]struct {
		remote, host string
		header       [2]string
		want         int
	}{
		"curl":                {remote: "127.0.0.1:5000", host: "127.0.0.1:9464", want: 200},
		"curl over IPv6":      {remote: "[::1]:5000", host: "[::1]:9464", want: 200},
		"curl by name":        {remote: "[::ffff:127.0.0.1]:5000", host: "localhost:9464", want: 200},
		"a person's browser":  {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Sec-Fetch-Site", "none"}, want: 200},
		"the page itself":     {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Origin", "http://localhost:9464"}, want: 200},
		"another machine":     {remote: "192.0.2.1:5000", host: "localhost:9464", want: 403},
		"no address":          {remote: "@", host: "localhost:9464", want: 403},
		"a rebound name":      {remote: "127.0.0.1:5000", host: "evil.example:9464", want: 403},
		"another page":        {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Sec-Fetch-Site", "cross-site"}, want: 403},
		"a page next door":    {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Sec-Fetch-Site", "same-site"}, want: 403},
		"another origin":      {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Origin", "http://evil.example"}, want: 403},
		"an origin unknown":   {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Origin", "null"}, want: 403},
		"through a proxy":     {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"X-Forwarded-For", "192.0.2.1"}, want: 403},
		"through a new proxy": {remote: "127.0.0.1:5000", host: "localhost:9464", header: [2]string{"Forwarded", "for=192.0.2.1"}, want: 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/-/active", nil)
		r.RemoteAddr, r.Host = test.remote, test.host
		if test.header[0] != "" {
			r.Header.Set(test.header[0], test.header[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, test.want)
		}
	}
}
