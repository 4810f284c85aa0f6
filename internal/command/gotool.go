package command

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/internal/nearest"
	"github.com/orchestrall/orchestrall/internal/overlay"
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
			case len(args) > 0 && isHelp(args[0]):
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

func (s *session) runGo(args []string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errNoGo
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	return exit(overlay.Run(s.buildEnv(cwd), args[0], args[1:]))
}

// buildEnv is what the build front end gets from this command line. The go
// command may take the place of the process: nothing is left to do after it.
func (s *session) buildEnv(cwd string) overlay.Env {
	return overlay.Env{
		Dir: cwd, Environ: os.Environ(),
		Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr,
		Config: s.config, Verbose: s.verbose,
		Replace: s.stdin == os.Stdin && s.stdout == os.Stdout && s.stderr == os.Stderr,
	}
}

func runToolexec(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return toolexec.Main(args, stdin, stdout, stderr)
}
