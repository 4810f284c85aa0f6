package command

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"
)

// The scripts ask the tool itself what may follow, so they never fall behind.
var completionScripts = map[string]string{
	"bash": `# bash completion for orchestrall: source <(orchestrall completion bash)
_orchestrall() {
  local cur="${COMP_WORDS[COMP_CWORD]}"
  local -a before=("${COMP_WORDS[@]:0:COMP_CWORD}")
  if [[ "$cur" == -* ]]; then
    before+=("$cur")
  fi
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$("${before[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -o bashdefault -o default -F _orchestrall orchestrall
`,
	"zsh": `#compdef orchestrall
# zsh completion for orchestrall: source <(orchestrall completion zsh)
_orchestrall() {
  local cur="${words[CURRENT]}"
  local -a before opts
  before=("${(@)words[1,CURRENT-1]}")
  if [[ "$cur" == -* ]]; then
    before+=("$cur")
  fi
  opts=("${(@f)$("${before[@]}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n "${opts[1]}" ]]; then
    compadd -- "${opts[@]}"
  else
    _files
  fi
}
compdef _orchestrall orchestrall
`,
	"fish": `# fish completion for orchestrall: orchestrall completion fish | source
function __orchestrall_complete
    set -l before (commandline -opc)
    set -l cur (commandline -ct)
    if string match -q -- '-*' $cur
        set before $before $cur
    end
    $before --generate-bash-completion 2>/dev/null
end
complete -c orchestrall -a '(__orchestrall_complete)'
`,
}

var shells = []string{"bash", "zsh", "fish"}

func (s *session) completionVerb() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a completion script for bash, zsh or fish",
		UsageText: "orchestrall completion bash|zsh|fish",
		Description: `To use it in the current shell:

    source <(orchestrall completion bash)
    source <(orchestrall completion zsh)
    orchestrall completion fish | source`,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return errors.New("completion needs the name of a shell: bash, zsh or fish")
			}
			if err := choice("shell", c.Args().First(), shells); err != nil {
				return err
			}
			_, err := fmt.Fprint(s.stdout, completionScripts[c.Args().First()])
			return err
		},
		BashComplete: completeWords(shells),
	}
}

func completeVerbs(c *cli.Context) {
	for _, verb := range c.App.Commands {
		fmt.Fprintln(c.App.Writer, verb.Name)
	}
	printFlags(c, c.App.Flags)
}

// completeFlags leaves patterns to the shell, which knows the folders.
func completeFlags(c *cli.Context) { printFlags(c, slices.Concat(c.Command.Flags, c.App.Flags)) }

func printFlags(c *cli.Context, flags []cli.Flag) {
	for _, f := range flags {
		fmt.Fprintln(c.App.Writer, "--"+f.Names()[0])
	}
}

// completeWords completes the first argument; what follows is the shell's.
func completeWords(words []string) cli.BashCompleteFunc {
	return func(c *cli.Context) {
		if c.NArg() > 0 {
			return
		}
		for _, word := range words {
			fmt.Fprintln(c.App.Writer, word)
		}
	}
}
