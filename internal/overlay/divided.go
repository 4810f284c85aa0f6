package overlay

import (
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// divided is the version of google.golang.org/genproto since which some of its
// packages, which the runtime needs, are in modules of their own. With an older
// one in the module graph the go command finds such a package in two modules,
// and stops. Nothing asks for a newer version by itself.
var divided = module.Version{Path: "google.golang.org/genproto", Version: "v0.0.0-20230526161137-0005af68ea54"}

// undivided reports whether the go command stopped for that reason.
func undivided(message string) bool {
	return strings.Contains(message, "ambiguous import: found package "+divided.Path+"/")
}

func (p part) undivided() bool { return p.Error != nil && undivided(p.Error.Err) }

func isDivided(v module.Version) bool { return v.Path == divided.Path }

// A holding is how the rounds of a completion keep versions from being raised.
type holding struct {
	excluded []module.Version // which the go command must not choose
	divide   bool             // require divided, whatever was excluded of it
}

// divides reports whether another round is due, with divided, as this one has met
// an older version.
func (h *holding) divides(met bool) bool {
	if h.divide || !met {
		return false
	}
	h.divide, h.excluded = true, slices.DeleteFunc(h.excluded, isDivided)
	return true
}
