package limit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// ParseRates reads limits from JSON, by model class: a run's summary.json, what
// `tokenload limits --json` prints, or the same by hand:
//
//	{"limits": [{"class": "haiku-4.5", "requests": 1000, "output_tokens": {"limit": 400000}}]}
//
// Each limit is a number a minute, an object that holds one, or null for none.
// Tokens as a whole are passed over where they are no less than the limits of
// input and output together: headers repeat these there.
// Other fields are passed over. The error joins every mistake.
func ParseRates(src []byte) (map[string]Rates, error) {
	var file struct {
		Limits []struct {
			Class        string    `json:"class"`
			Requests     perMinute `json:"requests"`
			Tokens       perMinute `json:"tokens"`
			InputTokens  perMinute `json:"input_tokens"`
			OutputTokens perMinute `json:"output_tokens"`
		} `json:"limits"`
	}
	if err := json.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("not JSON with a list of limits: %v", err)
	}
	all := map[string]Rates{}
	var errs []error
	for i, row := range file.Limits {
		r := Rates{Requests: int64(row.Requests), InputTokens: int64(row.InputTokens), OutputTokens: int64(row.OutputTokens), Tokens: int64(row.Tokens)}
		if r.InputTokens > 0 && r.OutputTokens > 0 && r.Tokens >= r.InputTokens+r.OutputTokens {
			r.Tokens = 0 // only the sum of the others, which bind before it
		}
		_, twice := all[row.Class]
		switch {
		case row.Class == "":
			errs = append(errs, fmt.Errorf("limits[%d] names no class", i))
		case twice:
			errs = append(errs, fmt.Errorf("limits[%d]: class %q stands there twice", i, row.Class))
		case r != Rates{}:
			all[row.Class] = r
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("no limit is in it")
	}
	return all, nil
}

// ClassesOf lists the classes that have limits, sorted.
func ClassesOf(all map[string]Rates) []string { return slices.Sorted(maps.Keys(all)) }

// perMinute is a limit as a number or as an object with one.
type perMinute int64

// UnmarshalJSON reads either form; null is 0.
func (p *perMinute) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var n float64
	if b[0] == '{' {
		var o struct {
			Limit *float64 `json:"limit"`
		}
		if err := json.Unmarshal(b, &o); err != nil {
			return err
		}
		if o.Limit == nil {
			return nil
		}
		n = *o.Limit
	} else if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	if n < 0 || n > math.MaxInt64/2 || n != math.Trunc(n) {
		return fmt.Errorf("limit %v is not a whole number from 0 up", n)
	}
	*p = perMinute(n)
	return nil
}
