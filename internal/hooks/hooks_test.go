package hooks

import "testing"

func TestSymbols(t *testing.T) {
	for text, want := range map[string]Symbol{
		"net/http.Get":                  {Package: "net/http", Name: "Get"},
		"fmt.Println":                   {Package: "fmt", Name: "Println"},
		"gopkg.in/yaml.v3.Marshal":      {Package: "gopkg.in/yaml.v3", Name: "Marshal"},
		"*net/http.Request":             {Package: "net/http", Pointer: true, Name: "Request"},
		"(*net/http.Client).Do":         {Package: "net/http", Receiver: "Client", Pointer: true, Name: "Do"},
		"(net/http.Header).Get":         {Package: "net/http", Receiver: "Header", Name: "Get"},
		"(*example.com/x.v2.Client).Do": {Package: "example.com/x.v2", Receiver: "Client", Pointer: true, Name: "Do"},
	} {
		s, problem := ParseSymbol(text)
		if s != want || problem != "" || s.String() != text {
			t.Errorf("%s: %+v %s", text, s, problem)
		}
	}
	for _, text := range []string{"", "Get", "net/http", "net/http.", ".Get", "net/http.Client.", "(*net/http.Client)", "(*net/http.Client).", "**net/http.Client", "*(net/http.Client).Do", "(net/http).Do x", "a/b.List[T]"} {
		if s, problem := ParseSymbol(text); problem == "" {
			t.Errorf("%q is taken for %+v", text, s)
		}
	}
}

func TestHookModules(t *testing.T) {
	const rt = "example.com/runtime"
	for want, l := range map[string]Library{
		rt:           {Hook: rt + "/nethttp"},
		rt + "/grpc": {Hook: rt + "/grpc/sub", Module: "example.com/grpc"},
		"":           {Hook: "example.com/app/trace"},
		rt + "/chi":  {Hook: rt + "/chi", Module: "example.com/chi"},
	} {
		if got := l.HookModule(rt); got != want {
			t.Errorf("%s: %q, want %q", l.Hook, got, want)
		}
	}
	if l := (Library{Hook: rt}); l.HookModule(rt) != rt {
		t.Error("the runtime itself is no module of the user's")
	}
}

func TestEarlierModules(t *testing.T) {
	l := Library{Module: "example.com/lib/v3", Older: []string{"example.com/lib/v2/pool", "example.com/lib"}}
	l.Versions, _ = ParseRange(">=v3.0.0")
	versions := map[string]string{"example.com/lib/v2": "v2.1.0", "example.com/lib": ""}
	for imported, want := range map[string]string{
		"example.com/lib/v2/pool": "example.com/lib/v2 v2.1.0 has no hooks; example.com/lib/v3 >=v3.0.0 has",
		"example.com/lib":         "example.com/lib has no hooks; example.com/lib/v3 >=v3.0.0 has",
		"example.com/lib/v2":      " ",
		"example.com/lib/v3":      " ",
	} {
		if module, reason := l.Earlier(map[string]bool{imported: true}, versions); module+" "+reason != want {
			t.Errorf("%s: %s %s, want %s", imported, module, reason, want)
		}
	}
}
