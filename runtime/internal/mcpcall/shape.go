package mcpcall

import orchestrall "github.com/orchestrall/orchestrall/runtime"

// shape is an operation and where its fields come from. There is one for each
// set of attributes, so that none is ever empty.
type shape struct {
	operation *orchestrall.Operation
	sources   []source
}

type source uint8

const (
	method source = iota
	target
	operation
)

var sides = [2]string{Client: "client", Server: "server"}

var kinds = [2]orchestrall.Kind{Client: orchestrall.Client, Server: orchestrall.Server}

type table struct{ tool, prompt, resource, other shape }

var shapes = [2]table{Client: newTable(Client), Server: newTable(Server)}

func newTable(side Side) table {
	return table{
		tool:     newShape(side, "tool", "gen_ai.tool.name"),
		prompt:   newShape(side, "prompt", "gen_ai.prompt.name"),
		resource: newShape(side, "resource", "mcp.resource.uri"),
		other:    newShape(side, "request", ""),
	}
}

func newShape(side Side, what, key string) shape {
	s := shape{operation: new(orchestrall.Operation)}
	spec := orchestrall.Spec{
		Name: "mcp." + sides[side] + "." + what, SpanName: "{0}", Kind: kinds[side],
		Metric: "mcp_" + sides[side] + "_operation_duration_seconds",
	}
	add := func(from source, role orchestrall.Role, key string) {
		s.sources = append(s.sources, from)
		spec.Fields = append(spec.Fields, orchestrall.Field{Role: role, Key: key})
	}
	add(method, orchestrall.NamePart, "method")
	add(method, orchestrall.Attribute, "mcp.method.name")
	add(method, orchestrall.Label, "mcp.method.name")
	if key != "" {
		add(target, orchestrall.Attribute, key)
	}
	switch what {
	case "tool":
		add(operation, orchestrall.Attribute, "gen_ai.operation.name")
		fallthrough
	case "prompt":
		// URIs are as many as there are resources; names of tools and prompts are few.
		add(target, orchestrall.Label, key)
		add(target, orchestrall.NamePart, "target")
		spec.SpanName = "{0} {" + string('0'+rune(len(spec.Fields)-1)) + "}"
	}
	s.operation.Register(spec)
	return s
}

func shapeOf(side Side, method string) *shape {
	t := &shapes[side]
	switch method {
	case CallTool:
		return &t.tool
	case GetPrompt:
		return &t.prompt
	case ReadResource, "resources/subscribe", "resources/unsubscribe":
		return &t.resource
	}
	return &t.other
}
