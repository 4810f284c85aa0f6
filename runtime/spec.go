package orchestrall

import "time"

// Spec is everything about an operation that is known before the program runs.
// Generated code fills it in; see Operation.Register.
type Spec struct {
	Name     string        // metric label, log field and default span name: "AgentService.Execute"
	SpanName string        // "" for Name; {0}, {1} stand for the field with that index
	Kind     Kind          // "" for Internal
	Function string        // code.function.name
	File     string        // code.file.path, relative to the module
	Line     int           // code.line.number
	Metric   string        // "" for the kind's family, "off" for none
	Log      string        // "" for the kind's default, "off", or "debug", "info", "warn", "error"
	Slow     time.Duration // calls that take longer are warned about
	Hang     time.Duration // calls that still run after it are reported with their stack
	Min      time.Duration // spans of successful calls that are shorter are dropped
	Sample   string        // ratio of root calls that are traced, as written; "" leaves it to the sampler
	SLO      string        // for the catalog; no effect on the call
	Ignore   []error       // errors.Is targets that do not count as failure, nor do panics with them
	Fields   []Field       // field i is what the fill functions return for i
	Late     bool          // the end's fill function knows the fields of the start, too, and is asked for them by calls that only a failure makes worth a line
}

// Field describes one value that a traced function hands to telemetry.
type Field struct {
	Role  Role
	Key   string
	AtEnd bool // filled by End's function (it reads results), otherwise by Start's
	Mask  Mask
	Max   int // cap in bytes, 0 for the default
}

// Role says where a field's value goes.
type Role uint8

// The roles, each with the directive's key.
const (
	Attribute Role = iota // attr.KEY: span attribute, and on this operation's log lines
	Carried               // ctx.KEY: the same, and on every nested span and log line
	Label                 // label.KEY: metric label
	Event                 // event.KEY: on this operation's log lines only
	NamePart              // {expr} in name=
)

// Mask says what becomes of a field's value before anybody sees it.
type Mask uint8

// The masks, each with the directive's suffix.
const (
	Plain  Mask = iota
	Redact      // |redact: "[redacted]", the value is not even evaluated
	Hash        // |hash: the first 16 hex digits of its SHA-256, enough to tell two values apart
)

// Keys of the attributes that the runtime sets by itself.
const (
	// KindKey holds the operation's kind on each of its spans.
	KindKey = "orchestrall.kind"
	// SlowKey marks the span of a call that took longer than its operation's slow limit.
	SlowKey = "orchestrall.slow"
	// DropKey marks the span of a successful call that was shorter than its
	// operation's minimum; a span processor is expected to drop it.
	DropKey = "orchestrall.drop"
	// AbandonedKey marks the span of a stream that nobody read to its end.
	AbandonedKey = "orchestrall.abandoned"
)
