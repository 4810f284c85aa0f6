package validate

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A mistake is one that somebody could make in the manifests, and the part of
// the complaint that has to follow.
type mistake struct {
	name, source string
	from, to     string // what is replaced once: a regular expression, and by what
	complaint    string
	server       string // of the API server, "" where it can't know
}

var mistakes = []mistake{
	{
		"a Service that selects no pod", "platform", `selector: \{app.kubernetes.io/name: platform\}`, `selector: {app.kubernetes.io/name: platfrom}`,
		"Service platform selects nothing", "",
	},
	{
		"a Deployment that selects other pods", "platform", `matchLabels: \{app.kubernetes.io/name: platform\}`, `matchLabels: {app.kubernetes.io/name: platfrom}`,
		"Deployment /platform selects", "`selector` does not match template `labels`",
	},
	{
		"a misspelled field", "platform", `readinessProbe:`, `readynessProbe:`,
		`unknown field "readynessProbe"`, `unknown field "spec.template.spec.containers[0].readynessProbe"`,
	},
	{
		"a ConfigMap that there is not", "production", `(configMap:\n +name: loki)-\w+`, `$1-old`,
		"mounts the ConfigMap loki-old, which there is not", "",
	},
	{
		"a pod that may run as root", "production", `runAsNonRoot: true`, `runAsNonRoot: false`,
		"may run as root", `would violate PodSecurity "restricted:latest"`,
	},
	{
		"a pod whose user is root", "production", `runAsUser: \d+`, `runAsUser: 0`,
		"may run as root", "runAsUser=0",
	},
	{
		"a policy that lets in nobody", "scaled", `(- podSelector:\n +matchLabels:\n +app.kubernetes.io/name: collector)-gateway`, `$1-gatewy`,
		"lets in map[app.kubernetes.io/name:collector-gatewy], which is no pod", "",
	},
	{
		"gateways that look for a Service that there is not", "scaled", `SAMPLING_COLLECTORS:-collector-pods`, `SAMPLING_COLLECTORS:-collectors`,
		"leads to collectors:4317, which is no Service", "",
	},
}

// make returns the manifests with the mistake in them.
func (m mistake) make(t *testing.T, data []byte) []byte {
	t.Helper()
	at := regexp.MustCompile(m.from)
	found := at.FindIndex(data)
	if found == nil {
		t.Fatalf("%s has no %s", m.source, m.from)
	}
	wrong := at.ReplaceAll(data[found[0]:found[1]], []byte(m.to))
	return []byte(string(data[:found[0]]) + string(wrong) + string(data[found[1]:]))
}

type complaints []string

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}

// The tests of this package find what they are there for.
func TestMistakesAreFound(t *testing.T) {
	all := sources(t)
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			var heard complaints
			c := read(&heard, m.source, m.make(t, all[m.source]))
			for _, check := range []func(reporter, *cluster){selectors, mounts, addresses, passwords} {
				check(&heard, c)
			}
			if len(heard) == 0 { // harmless takes it that each field is known
				harmless(&heard, c)
			}
			if !strings.Contains(strings.Join(heard, "\n"), m.complaint) {
				t.Errorf("not %q, but %q", m.complaint, []string(heard))
			}
		})
	}
}
