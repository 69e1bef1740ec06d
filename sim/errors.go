package sim

import (
	"fmt"
	"net/http"
	"strconv"
)

// apiError is an answer that is not a 2xx.
type apiError struct {
	status     int
	kind       string // error.type
	message    string
	code       string // error.details.error_code, or ""
	retryAfter int    // seconds; 0 sends no header
	retry      string // x-should-retry: "true", "false" or ""
}

// invalid is a 400.
func invalid(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

func extraField(name string) *apiError { return invalid("%s: Extra inputs are not permitted", name) }

func notFound(format string, args ...any) *apiError {
	return &apiError{status: http.StatusNotFound, kind: "not_found_error", message: fmt.Sprintf(format, args...)}
}

// errorOf is the error the API answers a status with.
func errorOf(status int) *apiError {
	e := &apiError{status: status, kind: "api_error", message: "Internal server error"}
	switch status {
	case 401:
		e.kind, e.message = "authentication_error", "invalid x-api-key"
	case 402:
		e.kind, e.message = "billing_error", "Your account cannot be billed at present."
	case 403:
		e.kind, e.message = "permission_error", "This key may not use the requested resource."
	case 404:
		e.kind, e.message = "not_found_error", "Not found"
	case 409:
		e.kind, e.message = "conflict_error", "The request conflicts with the state of the resource."
	case 413:
		e.kind, e.message = "request_too_large", "Request exceeds the maximum size"
	case 429:
		e.kind, e.message, e.retryAfter = "rate_limit_error", "This request would exceed a rate limit of your organization.", 1
	case 504:
		e.kind, e.message = "timeout_error", "The request timed out."
	case 529:
		e.kind, e.message = "overloaded_error", "Overloaded"
	default:
		if status < 500 {
			e.kind, e.message = "invalid_request_error", "The request was refused."
		}
	}
	if status == 408 || status == 409 || status == 429 || status >= 500 {
		e.retry = "true"
	}
	return e
}

// withCode adds error.details.error_code and what goes with it: a spend limit
// lasts until the month ends, so no retry-after is sent.
func (e *apiError) withCode(code string) *apiError {
	e.code = code
	switch code {
	case "enforced_spend_limit_reached", "contract_spend_limit_reached":
		e.retryAfter, e.retry = 0, "false"
		e.message = "The monthly spend limit of your organization has been reached."
	case "ramp_limit_exceeded":
		e.message = "Usage grew faster than the ramp limit of your organization allows."
	}
	return e
}

// appendError appends an error object as the API sends it, with a request id
// unless that is empty.
func appendError(b []byte, kind, message, code, requestID string) []byte {
	b = append(b, `{"type":"error","error":{"type":`...)
	b = appendQuoted(b, kind)
	b = append(b, `,"message":`...)
	b = appendQuoted(b, message)
	if code != "" {
		b = append(b, `,"details":{"error_code":`...)
		b = append(appendQuoted(b, code), '}')
	}
	b = append(b, '}')
	if requestID != "" {
		b = append(b, `,"request_id":`...)
		b = appendQuoted(b, requestID)
	}
	return append(b, '}')
}

// fail answers with an error.
func (x *exchange) fail(e *apiError) {
	h := x.w.Header()
	if e.retryAfter > 0 && !x.fx.noRetryAfter {
		h.Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.retry != "" {
		h.Set("X-Should-Retry", e.retry)
	}
	x.rec.Error = e.kind
	b := appendError(nil, e.kind, e.message, e.code, x.rec.RequestID)
	if x.chat != nil {
		b = appendChatError(nil, e, x.rec.LimitedBy)
	}
	x.answer(e.status, "application/json", b)
}

// answer writes a whole answer at once.
func (x *exchange) answer(status int, contentType string, body []byte) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.connectionHeader()
	x.rec.Status = status
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return
	}
	x.buf = append(x.buf[:0], body...)
	x.flush()
}
