package threshold

import (
	"fmt"
	"slices"
	"strings"
)

// unknown returns the error for a word that is not one of known: with a guess
// where one is near, else with the whole list.
func unknown(what, word string, known []string) error {
	if g := guess(word, known); g != "" {
		return fmt.Errorf("unknown %s %q (did you mean %q?)", what, word, g)
	}
	return fmt.Errorf("unknown %s %q: it must be one of %s", what, word, list(known))
}

// guess returns the known word nearest to word, or "" where none is near: at
// most a third of its letters may differ.
func guess(word string, known []string) string {
	word = strings.ToLower(word)
	if slices.Contains(known, word) {
		return word
	}
	best, least := "", max(1, len(word)/3)+1
	if len(word) > 40 {
		return ""
	}
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes; the words we know are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// habit returns what people who come from other tools mean by a name of theirs.
func habit(metric string) string {
	switch metric {
	case "http_req_duration", "iteration_duration", "latency", "duration", "response_time":
		return "e2e"
	case "http_req_failed", "errors", "error_rate":
		return "failed"
	case "http_req_waiting":
		return "ttfb"
	case "http_req_connecting":
		return "connect"
	case "http_reqs", "iterations", "rps":
		return "requests"
	case "dropped_iterations":
		return "dropped"
	case "time_to_first_token":
		return "ttft"
	case "itl", "inter_token_latency":
		return "tpot"
	case "tokens_per_second", "tps":
		return "output_rate"
	}
	return ""
}

// list joins words as a sentence has them: a, b or c.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
