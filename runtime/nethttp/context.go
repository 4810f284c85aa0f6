package nethttp

import (
	"context"
	"net/http"
	"reflect"
	"unsafe"
)

// contextAt is where a request keeps its context, 0 in a release of Go that keeps
// it otherwise.
var contextAt = func() uintptr {
	if f, ok := reflect.TypeFor[http.Request]().FieldByName("ctx"); ok && f.Type == reflect.TypeFor[context.Context]() {
		return f.Offset
	}
	return 0
}()

// setContext gives the request itself another context. Request.WithContext alone
// would copy all of it there and back.
func setContext(r *http.Request, ctx context.Context) {
	if contextAt == 0 {
		*r = *r.WithContext(ctx)
		return
	}
	*(*context.Context)(unsafe.Add(unsafe.Pointer(r), contextAt)) = ctx
}
