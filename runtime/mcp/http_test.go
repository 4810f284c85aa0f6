package mcp_test

import "net/http"

type (
	requestHTTP    = http.Request
	responseWriter = http.ResponseWriter
	httpFunc       = http.HandlerFunc
)
