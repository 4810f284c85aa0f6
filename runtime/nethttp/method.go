package nethttp

import (
	"os"
	"strings"
)

// otherMethod stands for what is not a method of HTTP's, so that a client cannot
// make names and labels up.
const otherMethod = "_OTHER"

// knownMethods are those that names and labels may hold. OpenTelemetry's
// variable replaces them.
var knownMethods = methodsOf(os.Getenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"))

func methodsOf(list string) map[string]bool {
	if strings.TrimSpace(list) == "" {
		list = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
	}
	known := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			known[name] = true
		}
	}
	return known
}

// methodName is the method as names and labels have it. The empty one is what
// clients write for GET.
func methodName(method string) string {
	switch {
	case method == "GET" || method == "": // before the map, which costs more
		return "GET"
	case method == "POST":
		return "POST"
	case knownMethods[method]:
		return method
	}
	return otherMethod
}

// spanName is "GET /users/{id}", or the method alone where there is no route.
func spanName(method, route string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}
