package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/internal/nearest"
	"github.com/orchestrall/orchestrall/internal/toolexec"
)

// goVerbs are the verbs of the go command that build something.
var goVerbs = []string{"build", "run", "test", "install", "vet", "list"}

func (s *session) goVerb() *cli.Command {
	return &cli.Command{
		Name:      "go",
		Usage:     "run go " + strings.Join(goVerbs[:len(goVerbs)-1], ", ") + " or list with the directives compiled in",
		UsageText: "orchestrall [flags] go build|run|test|install|vet|list ARGS…",
		Description: `Everything behind "go" goes to the go command as it is. It compiles instrumented
copies of the files that have directives; sources, go.mod and go.sum stay untouched,
and panics, debuggers and coverage point at your own lines. The exit code is the go
command's.`,
		SkipFlagParsing: true,
		HideHelp:        true,
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			switch {
			case len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "-help"):
				printHelp(s.stdout, verbHelp, c.Command)
				return nil
			case len(args) == 0:
				return fmt.Errorf("go needs a verb: %s", strings.Join(goVerbs, ", "))
			case !slices.Contains(goVerbs, args[0]):
				return fmt.Errorf("unknown verb go %q; %s", args[0], nearest.Fix(args[0], goVerbs))
			}
			return s.runGo(args)
		},
		BashComplete: completeWords(goVerbs),
	}
}

func (s *session) toolexecVerb() *cli.Command {
	return &cli.Command{
		Name:      "toolexec",
		Usage:     "stand before the tools of go build -toolexec=\"orchestrall toolexec\"",
		UsageText: "go build -toolexec=\"orchestrall toolexec\" ARGS…",
		Description: `For builds where nothing but flags or GOFLAGS can be set. The go command starts it
once for each compiler and linker call.`,
		SkipFlagParsing: true,
		HideHelp:        true,
		Action: func(c *cli.Context) error {
			// Calls with a tool never come here: see Main.
			printHelp(s.stdout, verbHelp, c.Command)
			if c.Args().Present() {
				return nil
			}
			return exit(exitTrouble)
		},
		BashComplete: func(*cli.Context) {},
	}
}

func runToolexec(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return toolexec.Main(args, stdin, stdout, stderr)
}
