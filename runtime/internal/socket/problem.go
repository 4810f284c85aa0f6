package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
)

// Close codes of RFC 6455, section 7.4.1, that are the ordinary end of a
// connection. Networks drop connections every day, so that one without a close
// frame has failed nobody; neither has one that ends with a code of the
// program's own, 3000 and above.
var ordinary = map[int]bool{1000: true, 1001: true, 1005: true, 1006: true}

// problem is the error of a connection that ended with the code and err, nil
// for one that simply ended.
func problem(code int, err error) error {
	switch {
	case ordinary[code] || code >= 3000:
		return nil
	case code != 0:
		return closed(code)
	case err == nil:
		return nil
	}
	for _, end := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.Canceled, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, end) {
			return nil
		}
	}
	return err
}

// closed is a close code as an error.
type closed int

func (c closed) Error() string { return "closed with code " + strconv.Itoa(int(c)) }

// ErrorType is the value of error.type.
func (c closed) ErrorType() string { return strconv.Itoa(int(c)) }
