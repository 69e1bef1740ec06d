package call

import "strings"

// MarshalJSON writes null for no limit.
func (k LimitKind) MarshalJSON() ([]byte, error) {
	if k == "" {
		return []byte("null"), nil
	}
	return []byte(`"` + string(k) + `"`), nil
}

// ModelClass returns the rate-limit class of a model: models of one class share
// their limits. It is the id without "claude-", date and point release where the
// API pools those: claude-haiku-4-5-20251001 is haiku-4.5, and claude-opus-4-5 to
// 4-8 are opus-4.x. A model that is not Anthropic's is its own class.
//
// Source: the rate-limits page of the API's documentation, 2026-08-22.
func ModelClass(model string) string {
	id := strings.TrimPrefix(model, "anthropic.")
	rest, ok := strings.CutPrefix(id, "claude-")
	if !ok {
		return model
	}
	parts := strings.Split(rest, "-")
	if n := len(parts); n > 1 && len(parts[n-1]) == 8 {
		parts = parts[:n-1]
	}
	if len(parts) < 2 {
		return rest
	}
	family, major := parts[0], parts[1]
	if len(parts) == 2 {
		if pooled(family, major) {
			return family + "-" + major + ".x"
		}
		return family + "-" + major
	}
	if pooled(family, major) {
		return family + "-" + major + ".x"
	}
	return family + "-" + major + "." + parts[2]
}

// pooled reports whether all point releases of a family's generation share one limit.
func pooled(family, major string) bool {
	switch family {
	case "opus", "sonnet":
		return major == "4"
	case "fable", "mythos":
		return major == "5"
	}
	return false
}
