package diagnose

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// advice says what would clear the limit, with numbers where they are known.
func (c *classLoad) advice(k call.LimitKind, use *metrics.LimitUse) []string {
	switch k {
	case call.LimitSpend:
		return []string{
			"Retrying cannot help: raise the cap in the account's billing settings, or wait until it starts anew.",
			"Put a lower budget into the plan, so that a test stops before it meets the account's cap.",
		}
	case call.LimitRamp:
		return []string{
			fmt.Sprintf("Grow more slowly: the first 429 came at %s. Double the duration of the ramping stages and hold each level before the next.", seconds(c.first)),
			c.modeAdvice(),
		}
	case call.LimitUnknown:
		return []string{c.throughAdvice(),
			"Ask whoever runs the target which limit it enforces: a gateway in between may have its own.", c.modeAdvice()}
	}
	out := c.rateAdvice(k, use)
	switch k {
	case call.LimitInputTokens:
		out = append(out, "Put what the prompts share into a cached prefix (system: {cache: 5m}): cache reads do not count against this limit. Shorten the rest.")
	case call.LimitOutputTokens:
		out = append(out, "Ask for shorter answers. This limit counts the tokens really written, so a lower max_tokens helps only where it cuts answers off.")
	case call.LimitRequests:
		out = append(out, "Put several small questions into one request, or move what can wait to batches, which have a limit of their own.")
	}
	out = append(out, c.modeAdvice())
	if _, ok := c.sustained(k, use); ok {
		need := c.rate() * 60 * c.perRequest(k)
		if need > float64(use.Limit) {
			out = append(out, fmt.Sprintf("To carry this load as it is, ask for a tier with at least %s %s per minute for %s.", number(need), noun(k), c.name))
		}
	}
	return out
}

func noun(k call.LimitKind) string {
	switch k {
	case call.LimitInputTokens:
		return "input tokens"
	case call.LimitOutputTokens:
		return "output tokens"
	case call.LimitTokens:
		return "tokens"
	}
	return "requests"
}

// rateAdvice compares the offered rate with the one that the limit sustains.
func (c *classLoad) rateAdvice(k call.LimitKind, use *metrics.LimitUse) []string {
	fits, ok := c.sustained(k, use)
	if !ok {
		return []string{c.throughAdvice()}
	}
	per := ""
	if k != call.LimitRequests {
		per = fmt.Sprintf(" ÷ %s per request", number(c.perRequest(k)))
	}
	sum := fmt.Sprintf("%s %s per minute%s = %s requests/s", count(int64(use.Limit)), noun(k), per, number(fits))
	if c.rate() <= fits {
		return []string{fmt.Sprintf("The rate while it was refused fits (%s; the run offered %s/s): bursts, or other traffic on the same account, meet the limit. Spread the arrivals evenly.", sum, number(c.rate()))}
	}
	out := []string{fmt.Sprintf("Stay under %s requests/s: %s. While it was refused the run offered %s/s, %s times that.", number(fits), sum, number(c.rate()), number(c.rate()/fits))}
	if n := c.inFlight(fits); n > 0 && c.busy > 0 {
		mean := c.busy / time.Duration(c.ok)
		out = append(out, fmt.Sprintf("That is about %s in flight (%s) at the mean service_e2e of %s.", many(n, "request"), users(n), millis(float64(mean)/float64(time.Millisecond))))
	}
	return out
}

// throughAdvice goes by what got through, where no limit is known.
func (c *classLoad) throughAdvice() string {
	if c.ok == 0 {
		return "Nothing got through: start with a single user and raise the load step by step."
	}
	through := float64(c.ok) / max((c.end-c.start).Seconds(), 1)
	return fmt.Sprintf("The limit itself was not told. %s requests/s got through: start below that and raise the load step by step.", number(through))
}

func (c *classLoad) modeAdvice() string {
	if c.retries > 0 {
		return "Retries were part of this load. on_limit: {mode: avoid, share: 0.9} holds requests back instead of sending them twice."
	}
	return "on_limit: obey waits for retry-after and shows what a client that retries feels; on_limit: {mode: avoid, share: 0.9} stays below the limit."
}
