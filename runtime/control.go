package orchestrall

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// registry holds every operation of the program with what was made of it since.
type registry struct {
	mu       sync.Mutex
	all      []*entry
	index    map[*Operation]int // in all
	disabled []string           // patterns from ORCHESTRALL_DISABLE
	read     bool
}

type entry struct {
	operation *Operation
	spec      Spec // as registered
	state     *state
	setting   Setting
}

var registered registry

// Setting is what an operator may change about an operation while the program
// runs. An empty field leaves things as they are.
type Setting struct {
	State  string // on, off: an operation that is off costs one atomic load a call and leaves nothing
	Log    string // debug, info, warn, error, off as in a directive; default for what the directive says
	Sample string // a ratio from 0 to 1 as in a directive; default for what the directive says
}

const settingDefault = "default"

func (s Setting) check() error {
	switch s.State {
	case "", "on", "off":
	default:
		return fmt.Errorf("state is %q; use on or off", s.State)
	}
	switch s.Log {
	case "", "off", settingDefault:
	default:
		var level slog.Level
		if level.UnmarshalText([]byte(s.Log)) != nil {
			return fmt.Errorf("log is %q; use debug, info, warn, error, off or default", s.Log)
		}
	}
	if s.Sample != "" && s.Sample != settingDefault && ratio(s.Sample) < 0 {
		return fmt.Errorf("sample is %q; use a number from 0 to 1, or default", s.Sample)
	}
	if s == (Setting{}) {
		return errors.New("nothing to change; give state, log or sample")
	}
	return nil
}

// Configure changes the operations whose name or function matches the pattern,
// in which * stands for any text and ? for one character. It returns how many
// these are. Calls that run already end as they began.
func Configure(pattern string, s Setting) (int, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	return registered.configure(pattern, s), nil
}

func (r *registry) configure(pattern string, s Setting) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if matches(pattern, &e.spec) {
			e.apply(s)
			n++
		}
	}
	return n
}

func (r *registry) add(o *Operation, s Spec) {
	e := &entry{operation: o, spec: s, state: newState(s)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read {
		r.disabled, r.read = patterns(os.Getenv("ORCHESTRALL_DISABLE")), true
	}
	if i, again := r.index[o]; again {
		r.all[i] = e
	} else {
		if r.index == nil {
			r.index = make(map[*Operation]int)
		}
		r.index[o] = len(r.all)
		r.all = append(r.all, e)
	}
	if slices.ContainsFunc(r.disabled, func(p string) bool { return matches(p, &e.spec) }) {
		e.setting.State = "off"
		return
	}
	o.state.Store(e.state)
}

// apply puts the setting into effect. The caller holds the lock.
func (e *entry) apply(s Setting) {
	e.setting.State = cmp.Or(s.State, e.setting.State)
	e.setting.Log = cmp.Or(s.Log, e.setting.Log)
	e.setting.Sample = cmp.Or(s.Sample, e.setting.Sample)
	if s.Log != "" || s.Sample != "" {
		e.state = newState(e.current())
	}
	if e.setting.State == "off" {
		e.operation.state.Store(nil)
		return
	}
	e.operation.state.Store(e.state)
}

// current is the spec with the settings in it.
func (e *entry) current() Spec {
	s := e.spec
	if e.setting.Log != "" && e.setting.Log != settingDefault {
		s.Log = e.setting.Log
	}
	if e.setting.Sample != "" && e.setting.Sample != settingDefault {
		s.Sample = e.setting.Sample
	}
	return s
}

func patterns(list string) (all []string) {
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// Matches reports whether the pattern means the operation, as in [Configure].
func Matches(pattern string, s Spec) bool { return matches(pattern, &s) }

func matches(pattern string, s *Spec) bool {
	return glob(pattern, s.Name) || s.Function != "" && glob(pattern, s.Function)
}

// glob matches in time that grows with the product of the lengths, whatever the
// pattern: only the last * is ever tried again.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Operations returns the specs of all registered operations, by name.
func Operations() []Spec {
	var specs []Spec
	for _, s := range OperationStatuses() {
		specs = append(specs, s.Spec)
	}
	return specs
}

// OperationStatus is an operation with what was counted and changed since the
// program started.
type OperationStatus struct {
	Spec     Spec // as registered
	Setting  Setting
	Calls    uint64 // that have ended; operations of the same name are counted together
	Failed   uint64
	InFlight int64 // -1 where running calls are not counted
	Counted  bool  // false for operations without a metric
}

// Off reports whether the operation is switched off.
func (s *OperationStatus) Off() bool { return s.Setting.State == "off" }

// OperationStatuses returns all registered operations, by name.
func OperationStatuses() []OperationStatus {
	registered.mu.Lock()
	all := make([]OperationStatus, 0, len(registered.all))
	states := make([]*state, 0, len(registered.all))
	for _, e := range registered.all {
		all = append(all, OperationStatus{Spec: e.spec, Setting: e.setting, InFlight: -1})
		states = append(states, e.state)
	}
	registered.mu.Unlock()
	for i, st := range states {
		if !st.flight.IsZero() {
			all[i].InFlight = inFlight(st.flight)
		}
		if st.metric != nil {
			all[i].Counted = true
			all[i].Calls, all[i].Failed = st.metric.counts()
		}
	}
	slices.SortStableFunc(all, func(a, b OperationStatus) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	return all
}

// counts reads how many calls have ended, and how many of them failed.
func (m *metric) counts() (calls, failed uint64) {
	all := m.all.Load()
	if all == nil {
		return 0, 0
	}
	for _, s := range *all {
		lost := s.failed.calls()
		calls += s.success.calls() + lost
		failed += lost
	}
	return calls, failed
}
