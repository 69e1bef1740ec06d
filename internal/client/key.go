package client

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Key is an API key. Whatever prints it, in whatever form, prints the word
// "redacted"; only the client turns it into a header. Empty is no key.
type Key string

const redacted = "redacted"

// String returns "redacted".
func (Key) String() string { return redacted }

// GoString returns "redacted".
func (Key) GoString() string { return redacted }

// Format writes "redacted" for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted".
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "redacted" as a JSON string.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "redacted".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// check says what keeps the key out of a header, without showing it.
func (k Key) check() error {
	if strings.TrimSpace(string(k)) != string(k) {
		return fmt.Errorf("the key begins or ends with white space, often a line break from a file: remove it")
	}
	for i := range len(k) {
		if k[i] <= ' ' || k[i] >= 0x7f {
			return fmt.Errorf("the key has a character at position %d that no key has: was it copied whole?", i+1)
		}
	}
	return nil
}
