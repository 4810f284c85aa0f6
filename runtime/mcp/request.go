package mcp

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/orchestrall/orchestrall/runtime/internal/mcpcall"
)

// silent methods have no span: they say nothing about the program's work, and
// come often.
func silent(method string) bool {
	return method == "ping" || strings.HasPrefix(method, "notifications/")
}

func newRequest(method string, req mcp.Request) mcpcall.Request {
	r := mcpcall.Request{Method: method}
	switch p := paramsOf(req).(type) {
	case *mcp.CallToolParams:
		r.Target = p.Name
	case *mcp.CallToolParamsRaw:
		r.Target = p.Name
	case *mcp.GetPromptParams:
		r.Target = p.Name
	case *mcp.ReadResourceParams:
		r.Target = p.URI
	case *mcp.SubscribeParams:
		r.Target = p.URI
	case *mcp.UnsubscribeParams:
		r.Target = p.URI
	}
	switch s := req.GetSession().(type) {
	case *mcp.ClientSession:
		if s != nil {
			r.Session = s.ID()
			if res := s.InitializeResult(); res != nil {
				r.Protocol = res.ProtocolVersion
			}
		}
	case *mcp.ServerSession:
		if s != nil {
			r.Session = s.ID()
			r.Protocol = headerOf(req).Get("Mcp-Protocol-Version")
		}
	}
	return r
}

// paramsOf returns the request's parameters, or nil also where they are a nil
// pointer.
func paramsOf(req mcp.Request) mcp.Params {
	p := req.GetParams()
	if v := reflect.ValueOf(p); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return p
}

func metaOf(req mcp.Request) map[string]any {
	if p := paramsOf(req); p != nil {
		return p.GetMeta()
	}
	return nil
}

func headerOf(req mcp.Request) http.Header {
	if extra := req.GetExtra(); extra != nil {
		return extra.Header
	}
	return nil
}

// outgoing is req with the trace context of ctx in its _meta. The parameters are
// the caller's, who may use them again and for several calls at once: they are
// copied, not written to.
func outgoing(ctx context.Context, method string, req mcp.Request) (out mcp.Request) {
	defer func() {
		if recover() != nil { // a version of the SDK that builds its requests differently
			out = req
		}
	}()
	p := paramsOf(req)
	if p == nil {
		if p = emptyParams(method); p == nil {
			return req
		}
	}
	meta, ok := mcpcall.Inject(ctx, p.GetMeta())
	if !ok {
		return req
	}
	params := reflect.New(reflect.TypeOf(p).Elem())
	params.Elem().Set(reflect.ValueOf(p).Elem())
	params.Interface().(mcp.Params).SetMeta(meta)
	copied := reflect.New(reflect.TypeOf(req).Elem())
	copied.Elem().Set(reflect.ValueOf(req).Elem())
	copied.Elem().FieldByName("Params").Set(params)
	return copied.Interface().(mcp.Request)
}

// emptyParams are the parameters of a method that does without them, so that
// there is a place for the _meta.
func emptyParams(method string) mcp.Params {
	switch method {
	case "tools/list":
		return new(mcp.ListToolsParams)
	case "prompts/list":
		return new(mcp.ListPromptsParams)
	case "resources/list":
		return new(mcp.ListResourcesParams)
	case "resources/templates/list":
		return new(mcp.ListResourceTemplatesParams)
	case "roots/list":
		return new(mcp.ListRootsParams)
	}
	return nil
}

// outcome is what the span says of the answer.
func outcome(res mcp.Result, err error) error {
	if err != nil {
		return mcpcall.Failed(err, code(err))
	}
	if r, ok := res.(*mcp.CallToolResult); ok && r != nil && r.IsError {
		text := ""
		for _, c := range r.Content {
			if t, ok := c.(*mcp.TextContent); ok && t != nil {
				text = t.Text
				break
			}
		}
		return mcpcall.ToolFailed(text)
	}
	return nil
}
