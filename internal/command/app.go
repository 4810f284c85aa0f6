package command

import (
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

const summary = "Orchestrall compiles a span, a metric and a log line into every function under an //orchestrall:trace comment."

// Indented with spaces, not tabs: the help printer aligns at tabs.
const appHelp = `{{.Usage}}

    orchestrall [flags] verb [arguments]

For example, to build a program with its directives compiled in, sources untouched:

    orchestrall go build ./cmd/server

Similarly, to run its tests:

    orchestrall go test -race ./...

To see what a build would compile, and which operations it would report:

    orchestrall diff ./internal/agent
    orchestrall list ./...

To keep the instrumented code in the repository instead, and to check it in CI:

    orchestrall generate ./...
    orchestrall check ./...

The verbs are:
{{range .VisibleCommands}}
    {{.Name}}{{"\t"}}{{.Usage}}{{end}}

The flags, before or after the verb (before "go"), are:
{{range .VisibleFlags}}
    {{flag .}}{{end}}

"orchestrall help VERB" says more about a verb. Exit codes: 0 all is well, 1 drift or
findings, 2 trouble; "orchestrall go" returns the go command's own.
`

const verbHelp = `{{sentence .Usage}}

    {{.UsageText}}
{{if .Description}}
{{.Description}}
{{end}}{{if .VisibleFlags}}
Flags:
{{range .VisibleFlags}}
    {{flag .}}{{end}}
{{end}}`

func newApp(s *session) *cli.App {
	app := &cli.App{
		Name:      "orchestrall",
		Usage:     summary,
		Reader:    s.stdin,
		Writer:    s.stdout,
		ErrWriter: s.stderr,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read `FILE` instead of the module's orchestrall.yaml", Destination: &s.config},
			&cli.BoolFlag{Name: "verbose", Usage: "say on standard error what is done and how long it takes", Destination: &s.verbose},
		},
		Commands: []*cli.Command{
			s.goVerb(), s.generateVerb(), s.checkVerb(), s.diffVerb(), s.listVerb(), s.catalogVerb(), s.hooksVerb(), s.dashboardsVerb(), s.costVerb(), s.lintVerb(),
			s.stripVerb(), s.initVerb(), s.toolexecVerb(), s.versionVerb(), s.completionVerb(), s.helpVerb(),
		},
		HideHelpCommand:       true,
		HideVersion:           true,
		EnableBashCompletion:  true,
		BashComplete:          completeVerbs,
		CustomAppHelpTemplate: appHelp,
		OnUsageError:          usageError,
		// Exit codes are the business of Main, not of the library.
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownVerb(c.Args().First())
			}
			printHelp(s.stderr, appHelp, c.App)
			return exit(exitTrouble)
		},
	}
	for _, verb := range app.Commands {
		verb.HideHelpCommand = true
		verb.CustomHelpTemplate = verbHelp
		verb.OnUsageError = usageError
		if verb.BashComplete == nil {
			verb.BashComplete = completeFlags
		}
	}
	cli.HelpPrinter = printHelp
	cli.HelpFlag = nil // see normalize
	return app
}

func printHelp(w io.Writer, text string, data any) {
	cli.HelpPrinterCustom(w, text, data, map[string]any{"flag": describeFlag, "sentence": sentence})
}

// sentence turns an entry of the verb table into a sentence.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// describeFlag renders --name VALUE and its description as two columns.
func describeFlag(f cli.Flag) string {
	var names []string
	for _, name := range f.Names() {
		if len(name) == 1 {
			names = append(names, "-"+name)
		} else {
			names = append(names, "--"+name)
		}
	}
	left, usage := strings.Join(names, ", "), ""
	if d, ok := f.(cli.DocGenerationFlag); ok {
		usage = d.GetUsage()
		if d.TakesValue() {
			value := strings.ToUpper(f.Names()[0])
			if _, rest, ok := strings.Cut(usage, "`"); ok {
				if name, _, ok := strings.Cut(rest, "`"); ok {
					value, usage = name, strings.ReplaceAll(usage, "`", "")
				}
			}
			left += " " + value
		}
	}
	return left + "\t" + usage
}

func (s *session) helpVerb() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "say more about a verb",
		UsageText: "orchestrall help [VERB]",
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				printHelp(s.stdout, appHelp, c.App)
				return nil
			}
			verb := c.App.Command(c.Args().First())
			if verb == nil {
				return unknownVerb(c.Args().First())
			}
			printHelp(s.stdout, verbHelp, verb)
			return nil
		},
		BashComplete: completeVerbs,
	}
}

// normalize moves flags to where the flag package looks for them: the tool's
// own before the verb, the verb's before its patterns. What follows "go" is the
// go command's and stays as it is. --help anywhere else becomes the help verb.
func normalize(args []string) []string {
	if len(args) == 0 {
		return []string{"orchestrall"}
	}
	if args[len(args)-1] == "--generate-bash-completion" {
		return args
	}
	app := newApp(&session{})
	var global, own, rest []string
	var verb *cli.Command
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			rest = append(rest, args[i:]...)
			i = len(args)
		case verb == nil && (arg == "--version" || arg == "-version"):
			return []string{args[0], "version"}
		case isHelp(arg):
			if verb == nil {
				return []string{args[0], "help"}
			}
			return []string{args[0], "help", verb.Name}
		case len(arg) > 1 && arg[0] == '-':
			value := 0
			flag := findFlag(app.Flags, arg)
			to := &global
			if flag == nil && verb != nil {
				flag, to = findFlag(verb.Flags, arg), &own
			}
			if takesNext(flag, arg) && i+1 < len(args) {
				value = 1
			}
			*to = append(*to, args[i:i+1+value]...)
			i += value
		case verb == nil:
			verb = app.Command(arg)
			own = append(own, arg)
			if verb == nil || verb.SkipFlagParsing {
				own = append(own, args[i+1:]...)
				i = len(args)
			}
		default:
			rest = append(rest, arg)
		}
	}
	return slices.Concat(args[:1], global, own, rest)
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func findFlag(flags []cli.Flag, arg string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func takesNext(f cli.Flag, arg string) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue() && !strings.Contains(arg, "=")
}

// patternsText documents the argument that most verbs take.
const patternsText = `PATTERNS are those of the go command: folders such as ./agent and trees such as
./...; without any, the whole module of the current folder.`
