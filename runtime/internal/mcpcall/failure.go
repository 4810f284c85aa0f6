package mcpcall

import "strconv"

// ToolError is the error.type of a tool call whose result says that the tool
// failed while the request as such did not.
const ToolError = "tool_error"

// failure is an error in the words of the conventions.
type failure struct {
	error
	kind string // error.type
	code string // of JSON-RPC
}

// ErrorType is the value of error.type.
func (f *failure) ErrorType() string { return f.kind }

// Unwrap returns the library's own error.
func (f *failure) Unwrap() error { return f.error }

// Failed is err as the answer of a request that was refused with the JSON-RPC
// code; code 0 means that there was none, as where the connection broke.
func Failed(err error, code int64) error {
	if err == nil || code == 0 {
		return err
	}
	text := strconv.FormatInt(code, 10)
	return &failure{err, text, text}
}

// ToolFailed is the error of a tool whose result says that it failed.
func ToolFailed(text string) error {
	if text == "" {
		text = "the tool answered that it failed"
	}
	return &failure{message(text), ToolError, ""}
}

type message string

func (m message) Error() string { return string(m) }
