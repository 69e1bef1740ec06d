package client

import "encoding/json"

// wireError is an error as a server words it. Besides the API's own form it
// knows those of servers that imitate it.
type wireError struct {
	typ, errorCode, message, requestID string
	found                              bool // the body is an error in a form we know
}

// errorOf reads an error body or event:
//
//	{"type":"error","error":{"type","message","details":{"error_code"}},"request_id"}
//	{"error":{"message","type","code"}}  {"error":"…"}  {"message","type"}  {"detail":"…"}
func errorOf(body []byte) wireError {
	var outer struct {
		Error     json.RawMessage `json:"error"`
		Type      any             `json:"type"`
		Message   any             `json:"message"`
		Detail    any             `json:"detail"`
		RequestID any             `json:"request_id"`
	}
	if !decode(body, &outer) {
		return wireError{}
	}
	e := wireError{requestID: str(outer.RequestID)}
	var inner struct {
		Type    any `json:"type"`
		Message any `json:"message"`
		Code    any `json:"code"`
		Details struct {
			Code any `json:"error_code"`
		} `json:"details"`
	}
	var text string
	switch {
	case len(outer.Error) > 0 && outer.Error[0] == '{' && decode(outer.Error, &inner):
		e.typ, e.message = str(inner.Type), str(inner.Message)
		e.errorCode = or(str(inner.Details.Code), str(inner.Code))
		e.found = true
	case len(outer.Error) > 0 && json.Unmarshal(outer.Error, &text) == nil && text != "":
		e.message, e.found = text, true
	case str(outer.Message) != "":
		e.typ, e.message, e.found = str(outer.Type), str(outer.Message), true
	case str(outer.Detail) != "":
		e.message, e.found = str(outer.Detail), true
	}
	return e
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// kind is the error's type, or otherwise.
func (e wireError) kind(otherwise string) string { return or(label(e.typ), otherwise) }

// code is the error's code.
func (e wireError) code() string { return label(e.errorCode) }
