package overlay

import (
	"os"
	"testing"
)

// The test binary stands in for the tool: -toolexec starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		dir, err := os.Getwd()
		if err != nil {
			panic(err)
		}
		env := Env{
			Dir: dir, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			Replace: true, Verbose: os.Getenv("VERBOSE") != "",
		}
		switch os.Args[1] {
		case CoverVerb:
			os.Exit(Cover(env, os.Args[2:]))
		case "go":
			os.Exit(Run(env, os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}
