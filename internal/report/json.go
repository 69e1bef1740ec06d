package report

import (
	"encoding/json"
	"io"
)

// writeJSON writes summary.json: indented, one line end at the end.
func writeJSON(w io.Writer, rep *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}
