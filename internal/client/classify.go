package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/tokenload/tokenload/internal/call"
)

// statusClass is the class of an HTTP status other than 200.
func statusClass(status int) call.Class {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return call.Auth
	case status == http.StatusTooManyRequests:
		return call.RateLimited
	case status == 529:
		return call.Overloaded
	case status >= 500 && status < 600:
		return call.ServerError
	case status >= 400 && status < 500:
		return call.ClientError
	}
	return call.BadResponse
}

// statusKind is the type of an error whose body names none.
func statusKind(status int) string {
	if status >= 300 && status < 400 {
		return "redirect"
	}
	return fmt.Sprintf("http_%d", status)
}

// statusWords describes an error whose body says nothing we may quote.
func (e *exchange) statusWords(status int, kind string) string {
	switch {
	case status >= 300 && status < 400:
		return fmt.Sprintf("status %d, a redirect, which is not followed: give the final address as base_url", status)
	case status < 400 || status >= 600:
		return fmt.Sprintf("status %d where the API answers 200: does base_url serve %s?", status, e.dialect.path())
	case status == http.StatusNotFound:
		return "status 404 with " + described(kind) + ": does base_url serve " + e.dialect.path() + "?"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Sprintf("status %d with %s: is the key right for this address?", status, described(kind))
	}
	return fmt.Sprintf("status %d with %s and no message: is a proxy in between?", status, described(kind))
}

// described names a content type without quoting what may be anything.
func described(kind string) string {
	switch {
	case kind == "":
		return "no content type"
	case kind == "text/html":
		return "an HTML page"
	case label(kind) != "":
		return label(kind)
	}
	return "an odd content type"
}

// stopped is the failure for a context that ended, by a time-out of ours or by the caller.
func (e *exchange) stopped(cause error) failure {
	c, after := e.config, contentEvents(e.answer.res.Events)
	switch {
	case errors.Is(cause, errConnectTimeout):
		return failure{call.Timeout, "connect_timeout", "",
			fmt.Sprintf("no connection to %s within %v: is the address right and reachable? (connect_timeout)", e.url.Host, c.ConnectTimeout)}
	case errors.Is(cause, errRequestTimeout):
		return failure{call.Timeout, "request_timeout", "",
			fmt.Sprintf("not finished within %v, after %s: ask for fewer tokens or wait longer (timeout)", c.Timeout, after)}
	case errors.Is(cause, errStalled):
		return failure{call.Stalled, "stalled", "",
			fmt.Sprintf("not one byte for %v, after %s: is the server stuck? (stall_timeout)", c.StallTimeout, after)}
	}
	return failure{call.Canceled, "canceled", "", "canceled by us, after " + after}
}

// noAnswer is the failure for a request whose answer's head did not come.
func (e *exchange) noAnswer(err error) failure {
	if cause := context.Cause(e.ctx); cause != nil {
		return e.stopped(cause)
	}
	had, reused := e.attempt.connected()
	_, dns := errors.AsType[*net.DNSError](err)
	ne, isNet := errors.AsType[net.Error](err)
	switch {
	case !had && (isNet && ne.Timeout() || errors.Is(err, context.DeadlineExceeded)):
		return e.stopped(errConnectTimeout)
	case !had && dns:
		return e.connection("dns", "no address found for %s: is base_url spelled right?")
	case !had:
		return e.noConnection(err)
	case e.attempt.answered() && e.malformed(err):
		return failure{call.BadResponse, "not_http", "",
			fmt.Sprintf("%s answered something that is not HTTP/1.1, or a head too long: is the port right? (http)", e.url.Host)}
	case reset(err):
		return e.connection("connection_reset", "%s reset the connection before it answered: is the server up and not overloaded?")
	case reused:
		return e.connection("connection_closed", "%s closed a kept-alive connection as the request went out: "+
			"its idle time-out may be shorter than the pause between requests")
	case lost(err) || e.attempt.broke():
		return e.connection("connection_closed", "%s closed the connection before it answered: is the server up and not overloaded?")
	}
	return e.connection("connection_failed", "the connection to %s failed before an answer: does the server speak this version of HTTP? (http)")
}

// noConnection says why there is no connection, and what to do about it.
func (e *exchange) noConnection(err error) failure {
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[*tls.CertificateVerificationError](err)
	alert := isOp(err, "remote error") || isOp(err, "local error") // crypto/tls names alerts so
	switch {
	case errors.Is(err, refused):
		return e.connection("connection_refused", "connection refused: is the server at %s running?")
	case notTLS:
		return e.connection("tls", "%s does not speak TLS: should base_url begin with http://?")
	case unknown:
		return e.connection("tls", "the certificate of %s is signed by nobody this machine trusts: give its authority's in ca_file")
	case name:
		return e.connection("tls", "the certificate of %s is for another name: use that name in base_url")
	case invalid:
		return e.connection("tls", "the certificate of %s is not valid: has it expired, or is this machine's clock wrong?")
	case errors.Is(err, errNoHTTP2):
		return e.connection("tls", "%s does not offer HTTP/2: set http to auto")
	case alert:
		return e.connection("tls", "%s refused the TLS handshake: does it ask for a certificate, or for another version of TLS or HTTP? (http)")
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return e.connection("too_many_files", "no file descriptor is left to connect to %s: raise the limit (ulimit -n) or lower the load")
	case lost(err) && !isOp(err, "dial"):
		return e.connection("connection_closed", "%s closed the connection while it was made: is it the right port, and the server up?")
	}
	return e.connection("connection_failed", "no connection to %s: is the address right, the server running and the proxy, if any, set up?")
}

// connection is a failure of that class; format has a place for the host.
func (e *exchange) connection(kind, format string) failure {
	return failure{call.Connection, kind, "", fmt.Sprintf(format, e.url.Host)}
}

// ended is for a body that ended, or broke, before the answer was complete.
func (e *exchange) ended(err error) {
	a := e.answer
	if cause := context.Cause(e.ctx); cause != nil {
		a.fail(e.stopped(cause))
		return
	}
	after := contentEvents(a.res.Events)
	switch {
	case e.malformed(err):
		a.fail(failure{call.BadResponse, "bad_body", "",
			"the body's chunks are not what HTTP/1.1 asks for, after " + after + ": is a proxy changing them?"})
	case reset(err):
		a.fail(failure{call.Cut, "cut", "", "the connection was reset before the answer's end, after " + after + ": did a server or proxy give up?"})
	default:
		a.fail(failure{call.Cut, "cut", "", "the stream ended before the answer did, after " + after + ": did a server or proxy give up?"})
	}
}

// malformed reports whether an error means that bytes arrived which are not
// HTTP/1.1: that, and not the connection's end, made the transport give up.
func (e *exchange) malformed(err error) bool {
	return !lost(err) && !e.attempt.broke() && !e.attempt.shared
}

// lost reports whether an error means that the other side, or the way there, is gone.
func lost(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	return op || reset(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

func isOp(err error, name string) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == name
}

func (e *exchange) tooBig() failure {
	return failure{call.BadResponse, "too_big", "",
		fmt.Sprintf("the answer has an event over %d bytes: does base_url serve %s?", e.config.MaxEvent, e.dialect.path())}
}

// contentEvents counts events in words.
func contentEvents(n int) string {
	switch n {
	case 0:
		return "no content event"
	case 1:
		return "1 content event"
	}
	return fmt.Sprintf("%d content events", n)
}
