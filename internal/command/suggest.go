package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/internal/nearest"
)

func verbNames() []string {
	var names []string
	for _, c := range newApp(&session{}).Commands {
		names = append(names, c.Name)
	}
	return names
}

func unknownVerb(name string) error {
	if slices.Contains(goVerbs, name) {
		return fmt.Errorf("unknown verb %q; did you mean orchestrall go %s?", name, name)
	}
	return fmt.Errorf("unknown verb %q; %s", name, nearest.Fix(name, verbNames()))
}

// usageError rewords what the flag package says about a flag.
func usageError(c *cli.Context, err error, _ bool) error {
	flags, help := c.Command.Flags, "orchestrall help"
	if c.Command.Name != c.App.Name {
		flags, help = slices.Concat(flags, c.App.Flags), help+" "+c.Command.Name
	}
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return fmt.Errorf("%w; see %s", err, help)
	}
	var known []string
	for _, f := range flags {
		known = append(known, "--"+f.Names()[0])
	}
	name = "--" + strings.TrimLeft(name, "-")
	return fmt.Errorf("unknown flag %s; %s", name, nearest.Fix(name, known))
}

// choice returns an error unless value is one of known.
func choice(what, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("unknown %s %q; %s", what, value, nearest.Fix(value, known))
}
