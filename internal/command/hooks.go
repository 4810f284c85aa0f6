package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/deep"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/overlay"
)

func (s *session) hooksVerb() *cli.Command {
	return &cli.Command{
		Name:      "hooks",
		Usage:     "list which libraries a build instruments, where, and why not the others",
		UsageText: "orchestrall hooks [PATTERNS] [--format table|json]",
		Description: `"orchestrall go" instruments the libraries that your code calls: their clients,
servers and connections get spans without an edit. hooks: in orchestrall.yaml switches
libraries off and adds hooks of your own.

` + patternsText,
		Flags: []cli.Flag{formatFlag("print as `FORMAT`: table or json", "table")},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if err := choice("format", format, []string{"table", "json"}); err != nil {
				return err
			}
			return s.hooks(c.Args().Slice(), format == "json")
		},
	}
}

func (s *session) hooks(patterns []string, asJSON bool) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errNoGo
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	show := s.progress()
	show.say("reading the types of libraries")
	hooked, ds, err := overlay.Hooks(s.buildEnv(cwd), patterns)
	show.done()
	if err != nil {
		return err
	}
	if err := s.stop(ds); err != nil {
		return err
	}
	short := func(path string) string { return drift.Rel(cwd, path) }
	if asJSON {
		return s.hooksJSON(hooked, short)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "LIBRARY\tDEPTH\tVERSION\tSTATE\tWHY")
	for _, h := range hooked {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.Library, h.Depth, dash(h.Version), h.State, why(h, short))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	header := "\nWHERE\tLIBRARY\tWHAT\n"
	row := func(p overlay.HookedPlace, library, what string) {
		fmt.Fprintf(w, "%s%s:%d:%d\t%s\t%s\n", header, short(p.File), p.Line, p.Column, library, what)
		header = ""
	}
	for _, h := range hooked {
		for _, p := range h.Points {
			what := string(p.Kind) + " " + p.Target
			if p.Field != "" {
				what += " " + p.Field
			}
			for _, at := range p.Places {
				row(at, h.Library, what)
			}
		}
		for _, at := range h.Skipped {
			row(at, h.Library, "left alone: "+at.Reason)
		}
	}
	return w.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// why says in a few words what led to the state of a library.
func why(h *overlay.Hooked, short func(string) string) string {
	text := h.Reason
	if h.Pos.Filename != "" {
		pos := h.Pos
		pos.Filename = short(pos.Filename)
		text = strings.TrimPrefix(text+" at "+pos.String(), " ")
	}
	if h.State == overlay.Applies {
		n := 0
		for _, p := range h.Points {
			n += len(p.Places)
		}
		text = strings.TrimSuffix(fmt.Sprintf("%d places; %s", n, text), "; ")
		if n == 1 {
			text = strings.Replace(text, "places", "place", 1)
		}
		if h.Depth == config.Deep {
			text = deep.Package(h.Library) + " itself; " + text
		}
	}
	return dash(text)
}

// hooksJSON prints the report with paths relative to the current folder.
func (s *session) hooksJSON(hooked []*overlay.Hooked, short func(string) string) error {
	type entry struct {
		*overlay.Hooked
		At string `json:"at,omitempty"` // where the reason stands
	}
	out := make([]entry, 0, len(hooked))
	for _, h := range hooked {
		e := entry{Hooked: h}
		if h.Pos.Filename != "" {
			pos := h.Pos
			pos.Filename = short(pos.Filename)
			e.At = pos.String()
		}
		for i := range h.Points {
			shorten(h.Points[i].Places, short)
		}
		shorten(h.Skipped, short)
		out = append(out, e)
	}
	enc := json.NewEncoder(s.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func shorten(places []overlay.HookedPlace, short func(string) string) {
	for i := range places {
		places[i].File = short(places[i].File)
	}
}
