package command

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// toolVersion returns the module version that the tool was built as and the
// revision of the checkout it was built in, as far as the binary knows them.
func toolVersion() (version, revision string) {
	version, revision = "devel", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			revision += " (modified)"
		}
	}
	return version, revision
}

func (s *session) versionVerb() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "print the version of the tool, its engine and its Go",
		UsageText: "orchestrall version",
		Description: `The engine's version is a hash of the tool itself: whatever could change what is
compiled changes it, and so a build never reuses what another engine made.`,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			version, revision := toolVersion()
			engine, err := engineVersion()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.stdout, "orchestrall %s\nrevision    %s\nengine      %s\ngo          %s %s/%s\n",
				version, revision, engine, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// engineVersion is a hash of this executable.
func engineVersion() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)[:6]), nil
}

func noArguments(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, found %q", c.Command.Name, c.Args().First())
	}
	return nil
}
