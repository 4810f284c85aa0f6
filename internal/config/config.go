// Package config reads orchestrall.yaml: which functions are traced without a
// comment of their own, which packages keep their instrumentation checked in,
// and which types carry a context.
//
// A nil *[Config] is valid everywhere and stands for "no file".
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name that [Find] looks for.
const FileName = "orchestrall.yaml"

// A Problem is one mistake in a configuration file.
type Problem struct {
	Pos     token.Position // the very key or value
	Rule    string         // short stable name, such as "unknown-key"
	Message string         // what is wrong
	Fix     string         // what to do; may be empty
}

// String formats p as file:line:col: message; fix.
func (p Problem) String() string {
	text := p.Message
	if p.Fix != "" {
		text += "; " + p.Fix
	}
	if p.Pos.Filename != "" {
		text = p.Pos.String() + ": " + text
	}
	return text
}

// A Config is the content of one orchestrall.yaml.
type Config struct {
	Path string // as it was found; "" for the defaults
	Root string // absolute folder that patterns starting with "." are relative to

	// Bootstrap has the build front ends weave the start and the flush of the
	// SDK into package main.
	Bootstrap bool
	// Generate names the packages whose instrumentation is checked in.
	Generate []Pattern
	// Select holds the rules in the order of the file; a later one wins.
	Select []Rule
	// Contexts are the types of the file, before the built-in ones.
	Contexts []Context
	// Upgrades names the modules that the runtime's requirement may raise in a
	// build although their version is pinned.
	Upgrades []Pattern
	// Pinned names modules whose version counts as the user's own choice, as
	// that of a direct requirement does.
	Pinned []Pattern
	// Hooks says which libraries a build weaves.
	Hooks Hooks
	// Dashboards is the folder of what orchestrall dashboards writes, absolute;
	// "" for none.
	Dashboards string
	// Runbook is the address that alerts point to; "" for the tool's own.
	Runbook string
}

// Default returns what holds where there is no file.
func Default() *Config { return &Config{Bootstrap: true} }

// Find returns the orchestrall.yaml of the first of dirs that has one, and ""
// when none has.
func Find(dirs ...string) string {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, FileName)
		// A folder or a broken link of that name is found, too: reading it fails,
		// where ignoring it would hide a mistake.
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// Load reads the file at path. Patterns that start with "." are relative to
// root, or to the file's own folder when root is "". With problems the
// returned Config holds what could be understood, so that a caller can go on
// to find more mistakes, but must write nothing.
func Load(path, root string) (*Config, []Problem) {
	data, err := os.ReadFile(path)
	if err != nil {
		fix := "check the path"
		if errors.Is(err, fs.ErrPermission) {
			fix = "make the file readable"
		}
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return Default(), []Problem{{
			Pos:     token.Position{Filename: path},
			Rule:    "unreadable-file",
			Message: "cannot read the configuration: " + err.Error(),
			Fix:     fix,
		}}
	}
	return parseAt(path, root, data)
}

// WantsBootstrap reports whether build front ends weave package main.
func (c *Config) WantsBootstrap() bool { return c == nil || c.Bootstrap }

// Hash identifies everything in c that changes what is generated. Comments,
// layout and positions do not.
func (c *Config) Hash() string {
	if c == nil {
		c = Default()
	}
	data, err := json.Marshal(struct {
		Bootstrap bool
		Generate  []Pattern
		Select    []Rule
		Contexts  []Context
	}{c.Bootstrap, c.Generate, c.Select, c.Contexts})
	if err != nil {
		panic(err) // plain strings and flags
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// MayUpgrade reports whether the file lets the build raise the version of that
// module.
func (c *Config) MayUpgrade(module string) bool {
	return c != nil && first(c.Upgrades, module) != nil
}

// Pin returns the pattern of the file that pins the version of that module, or
// nil.
func (c *Config) Pin(module string) *Pattern {
	if c == nil {
		return nil
	}
	return first(c.Pinned, module)
}

func first(patterns []Pattern, module string) *Pattern {
	for i := range patterns {
		if patterns[i].Match(module, "") {
			return &patterns[i]
		}
	}
	return nil
}
