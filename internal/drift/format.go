package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
)

// A Format is a way to print a [Report].
type Format string

// The formats: for people, for programs, for annotations in a GitHub workflow,
// and SARIF 2.1.0 for code scanning.
const (
	Text   Format = "text"
	JSON   Format = "json"
	GitHub Format = "github"
	SARIF  Format = "sarif"
)

// Formats lists every [Format] that [Report.Write] knows.
var Formats = []string{string(Text), string(JSON), string(GitHub), string(SARIF)}

// Write prints r on out. In the text format diffs, being the result, go to out
// and all other findings to diagnostics.
func (r *Report) Write(out, diagnostics io.Writer, format Format) error {
	r.sort()
	switch format {
	case Text:
		return r.writeText(out, diagnostics)
	case JSON:
		return r.writeJSON(out)
	case GitHub:
		return r.writeGitHub(out)
	case SARIF:
		return r.writeSARIF(out)
	}
	return fmt.Errorf("unknown format %q; use one of %s", format, strings.Join(Formats, ", "))
}

func (r *Report) writeText(out, diagnostics io.Writer) error {
	for _, f := range r.Findings {
		if f.Diff == "" {
			if _, err := fmt.Fprintln(diagnostics, Short(r.Root, f.Diagnostic)); err != nil {
				return err
			}
			continue
		}
		if _, err := io.WriteString(out, f.Diff); err != nil {
			return err
		}
	}
	return nil
}

// Short returns d as text, its file named relative to root.
func Short(root string, d instrument.Diagnostic) string {
	if d.Pos.Filename != "" {
		d.Pos.Filename = filepath.FromSlash(Rel(root, d.Pos.Filename))
	}
	return d.String()
}

type jsonReport struct {
	Tool     string        `json:"tool"`
	Version  string        `json:"version"`
	Command  string        `json:"command"`
	Summary  *jsonSummary  `json:"summary,omitempty"`
	Findings []jsonFinding `json:"findings"`
}

type jsonSummary struct {
	CheckedIn  int `json:"checkedIn"`
	Drifted    int `json:"drifted"`
	Directives int `json:"directives"`
}

type jsonFinding struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
	Diff     string `json:"diff,omitempty"`
}

func (r *Report) writeJSON(out io.Writer) error {
	doc := jsonReport{Tool: "orchestrall", Version: r.Version, Command: r.Command, Findings: []jsonFinding{}}
	if r.Command == "check" {
		doc.Summary = &jsonSummary{CheckedIn: r.CheckedIn, Drifted: r.Drifted, Directives: r.Directives}
	}
	for _, f := range r.Findings {
		doc.Findings = append(doc.Findings, jsonFinding{
			Rule: f.Rule, Severity: f.Severity.String(),
			File: relOrEmpty(r.Root, f.Pos.Filename), Line: f.Pos.Line, Column: f.Pos.Column,
			Message: f.Message, Fix: f.Fix, Diff: f.Diff,
		})
	}
	return encode(out, doc)
}

func encode(out io.Writer, doc any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func relOrEmpty(root, path string) string {
	if path == "" {
		return ""
	}
	return Rel(root, path)
}

// A workflow command ends at the end of the line, and a property also at a
// comma or colon.
var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// writeGitHub prints ::error and ::warning workflow commands, which the host
// shows as annotations on the lines they name. It resolves names against the
// checkout's root, not against the folder that a step happens to run in.
func (r *Report) writeGitHub(out io.Writer) error {
	root := cmp.Or(os.Getenv("GITHUB_WORKSPACE"), r.Root)
	for _, f := range r.Findings {
		var props []string
		if f.Pos.Filename != "" {
			props = append(props, "file="+githubProperty.Replace(Rel(root, f.Pos.Filename)))
		}
		if f.Pos.Line > 0 {
			props = append(props, fmt.Sprintf("line=%d", f.Pos.Line))
		}
		if f.Pos.Column > 0 {
			props = append(props, fmt.Sprintf("col=%d", f.Pos.Column))
		}
		props = append(props, "title="+githubProperty.Replace("orchestrall "+f.Rule))
		text := message(f)
		if f.Diff != "" {
			text += "\n" + f.Diff
		}
		_, err := fmt.Fprintf(out, "::%s %s::%s\n", f.Severity, strings.Join(props, ","), githubMessage.Replace(text))
		if err != nil {
			return err
		}
	}
	return nil
}

func message(f Finding) string {
	if f.Fix == "" {
		return f.Message
	}
	return f.Message + "; " + f.Fix
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool            `json:"tool"`
		OriginalURI map[string]sarifBase `json:"originalUriBaseIds"`
		Results     []sarifResult        `json:"results"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	// The columns of go/token count bytes, which SARIF can't say; viewers
	// that get none mark the whole line, which is right for every source.
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

func (r *Report) writeSARIF(out io.Writer) error {
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)

	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "orchestrall", Version: r.Version,
			URI:   "https://github.com/orchestrall/orchestrall",
			Rules: []sarifRule{},
		}},
		OriginalURI: map[string]sarifBase{"SRCROOT": {Description: sarifText{Text: "The folder the command ran in."}}},
		Results:     []sarifResult{},
	}
	for _, rule := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: rule})
	}
	for _, f := range r.Findings {
		index, _ := slices.BinarySearch(rules, f.Rule)
		result := sarifResult{
			RuleID: f.Rule, RuleIndex: index, Level: f.Severity.String(),
			Message: sarifText{Text: message(f)},
		}
		if f.Pos.Filename != "" {
			where := sarifPhysical{Artifact: artifact(r.Root, f.Pos.Filename)}
			if f.Pos.Line > 0 {
				where.Region = &sarifRegion{StartLine: f.Pos.Line}
			}
			result.Locations = []sarifLocation{{Physical: where}}
		}
		run.Results = append(run.Results, result)
	}
	return encode(out, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func artifact(root, path string) sarifArtifact {
	rel := Rel(root, path)
	if filepath.IsAbs(filepath.FromSlash(rel)) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(rel, "/")}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: rel}).EscapedPath(), Base: "SRCROOT"}
}
