package drift

import (
	"bytes"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/instrument"
)

func TestFileFinding(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "agent", "a.go")
	for _, test := range []struct {
		name       string
		have, want string
		line       int
		message    string
		diff       string
	}{
		{"changed", "a\nb\nc\n", "a\nx\nc\n", 2, "differs from what generate would write", "--- a/agent/a.go\n+++ b/agent/a.go\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		{"missing", "", "a\n", 1, "missing: generate would write it", "--- /dev/null\n+++ b/agent/a.go\n@@ -0,0 +1,1 @@\n+a\n"},
		{"left over", "a\n", "", 1, "left over: generate would remove it", "--- a/agent/a.go\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"},
		{"no newline", "a", "a\n", 1, "differs from what generate would write", "--- a/agent/a.go\n+++ b/agent/a.go\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := File{Path: path, Have: bytesOrNil(test.have), Want: bytesOrNil(test.want)}
			got := f.Finding(root, "run generate")
			if got.Pos.Line != test.line || got.Message != test.message {
				t.Errorf("finding at line %d: %s; want line %d: %s", got.Pos.Line, got.Message, test.line, test.message)
			}
			if diff := cmp.Diff(test.diff, got.Diff); diff != "" {
				t.Errorf("diff (-want +got):\n%s", diff)
			}
		})
	}
	same := File{Path: path, Have: []byte("a\n"), Want: []byte("a\n")}
	if same.Differs() || same.Unified(root) != "" {
		t.Error("equal files differ")
	}
}

func bytesOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func report(root string) *Report {
	r := &Report{Command: "check", Version: "v1.2.3", Root: root, CheckedIn: 2, Drifted: 1, Directives: 1}
	r.Add(instrument.Diagnostic{
		Pos:  token.Position{Filename: filepath.Join(root, "b c.go"), Line: 3, Column: 7},
		Rule: "unknown-key", Message: "unknown key 100%, \"a:b\"", Fix: "did you mean attr?",
	})
	f := File{Path: filepath.Join(root, "a.go"), Have: []byte("a\nb\n"), Want: []byte("a\n")}
	r.Findings = append(r.Findings, f.Finding(root, "run generate"))
	return r
}

func TestFormats(t *testing.T) {
	t.Setenv("GITHUB_WORKSPACE", "")
	root := t.TempDir()
	for format, want := range map[Format]string{
		Text: "--- a/a.go\n+++ b/a.go\n@@ -1,2 +1,1 @@\n a\n-b\n",
		GitHub: "::error file=a.go,line=2,col=1,title=orchestrall drift::differs from what generate would write; run generate%0A--- a/a.go%0A+++ b/a.go%0A@@ -1,2 +1,1 @@%0A a%0A-b%0A\n" +
			"::error file=b c.go,line=3,col=7,title=orchestrall unknown-key::unknown key 100%25, \"a:b\"; did you mean attr?\n",
		JSON: `{
  "tool": "orchestrall",
  "version": "v1.2.3",
  "command": "check",
  "summary": {
    "checkedIn": 2,
    "drifted": 1,
    "directives": 1
  },
  "findings": [
    {
      "rule": "drift",
      "severity": "error",
      "file": "a.go",
      "line": 2,
      "column": 1,
      "message": "differs from what generate would write",
      "fix": "run generate",
      "diff": "--- a/a.go\n+++ b/a.go\n@@ -1,2 +1,1 @@\n a\n-b\n"
    },
    {
      "rule": "unknown-key",
      "severity": "error",
      "file": "b c.go",
      "line": 3,
      "column": 7,
      "message": "unknown key 100%, \"a:b\"",
      "fix": "did you mean attr?"
    }
  ]
}
`,
		SARIF: `{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "orchestrall",
          "version": "v1.2.3",
          "informationUri": "https://github.com/orchestrall/orchestrall",
          "rules": [
            {
              "id": "drift"
            },
            {
              "id": "unknown-key"
            }
          ]
        }
      },
      "originalUriBaseIds": {
        "SRCROOT": {
          "description": {
            "text": "The folder the command ran in."
          }
        }
      },
      "results": [
        {
          "ruleId": "drift",
          "ruleIndex": 0,
          "level": "error",
          "message": {
            "text": "differs from what generate would write; run generate"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "a.go",
                  "uriBaseId": "SRCROOT"
                },
                "region": {
                  "startLine": 2
                }
              }
            }
          ]
        },
        {
          "ruleId": "unknown-key",
          "ruleIndex": 1,
          "level": "error",
          "message": {
            "text": "unknown key 100%, \"a:b\"; did you mean attr?"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "b%20c.go",
                  "uriBaseId": "SRCROOT"
                },
                "region": {
                  "startLine": 3
                }
              }
            }
          ]
        }
      ]
    }
  ]
}
`,
	} {
		t.Run(string(format), func(t *testing.T) {
			var out, diagnostics bytes.Buffer
			if err := report(root).Write(&out, &diagnostics, format); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if format == Text {
				const want = "b c.go:3:7: unknown key 100%, \"a:b\"; did you mean attr?\n"
				if diff := cmp.Diff(want, diagnostics.String()); diff != "" {
					t.Errorf("diagnostics (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestSummary(t *testing.T) {
	for _, test := range []struct {
		r    Report
		want string
	}{
		{Report{}, "0 packages checked in; 0 packages with directives for the build"},
		{Report{CheckedIn: 1, Directives: 2}, "1 package checked in, up to date; 2 packages with directives for the build"},
		{Report{CheckedIn: 3, Drifted: 2, Directives: 1}, "3 packages checked in, 2 out of date; 1 package with directives for the build"},
	} {
		if got := test.r.Summary(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
