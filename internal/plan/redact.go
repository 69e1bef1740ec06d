package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// hashed stands before the digest that stands for a text.
const hashed = "sha256:"

// Redacted are overrides as a record may keep them: what may be the text of a
// request, or a header of it, is told by its digest, path=sha256:…, by which two
// of them can be compared. A value that is one already stays as it is.
func Redacted(set []string) []string {
	out := make([]string, 0, len(set))
	for _, s := range set {
		segments, value, ok := cutPath(s)
		if _, err := hex.DecodeString(strings.TrimPrefix(value, hashed)); strings.HasPrefix(value, hashed) && err == nil {
			ok = true
		} else if !ok || sensitive(segments) {
			path := strings.TrimSuffix(s[:len(s)-len(value)], "=")
			if !ok { // it is never carried out
				path, value = "?", s
			}
			sum := sha256.Sum256([]byte(value))
			s = path + "=" + hashed + hex.EncodeToString(sum[:])
		}
		out = append(out, s)
	}
	return out
}

// sensitive reports whether a path may hold what is sent. Of a task it names what
// may not, so that a field that comes to be is taken for one that may.
func sensitive(path []string) bool {
	switch path[0] {
	case "tasks":
		plain := []string{"name", "weight", "model", "max_tokens", "stream", "synthetic"}
		return len(path) < 3 || !slices.Contains(plain, path[2]) && !(len(path) == 4 && path[2] == "system" && (path[3] == "cache" || path[3] == "cold"))
	case "target":
		return len(path) == 1 || path[1] == "headers"
	}
	return false
}
