package catalog

// A kind is what the runtime does for every operation of one kind. The runtime
// is another module: a test holds this table against its source.
type kind struct {
	level string // of the finish line when the directive says nothing
}

var kinds = map[string]kind{
	"agent":    {level: "info"},
	"workflow": {level: "info"},
	"step":     {level: "debug"},
	"tool":     {level: "debug"},
	"llm":      {level: "debug"},
	"server":   {level: "debug"},
	"client":   {level: "debug"},
	"db":       {level: "debug"},
	"internal": {level: "debug"},
}

// kindOrder is the order of the documentation: from the request down.
var kindOrder = []string{"agent", "workflow", "step", "tool", "llm", "server", "client", "db", "internal"}
