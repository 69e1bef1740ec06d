package client

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/call"
)

// dialect is one API's way to say things. Timing, connections and errors of
// the transport are the same for all; a dialect only reads what arrives.
type dialect interface {
	// path is where requests go, below the base address.
	path() string
	// event takes in one event of a stream. It is false when nothing more is
	// wanted: the answer is complete or has failed.
	event(a *answer, name, data []byte) (more bool)
	// plain takes in an answer that is not a stream.
	plain(a *answer, body []byte)
}

// dialectOf returns the dialect that an API's name stands for, nil for none.
func dialectOf(api string) dialect {
	switch api {
	case APIMessages:
		return messages{}
	case APIChat:
		return chat{}
	}
	return nil
}

var (
	badEvent = failure{call.BadResponse, "bad_event", "",
		"the stream holds an event that is not a JSON object: is a proxy changing the stream?"}
	notJSON = failure{call.BadResponse, "not_json", "", "the answer is not JSON: is base_url the API itself?"}
)

// unquote decodes what stands between the quotes of a valid JSON string.
func unquote(raw []byte) []byte {
	plain := utf8.Valid(raw)
	for _, c := range raw {
		plain = plain && c != '\\'
	}
	if plain {
		return raw
	}
	var s string
	quoted := append(append([]byte{'"'}, raw...), '"')
	if json.Unmarshal(quoted, &s) != nil {
		return nil
	}
	return []byte(s)
}
