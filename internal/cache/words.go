package cache

import (
	"fmt"
	"slices"

	"github.com/tokenload/tokenload/internal/stats"
)

// leastMean is from how many calls on each side a difference of means has an interval.
const leastMean = 10

// warnings name the calls that belong to neither side, and what is withheld.
func (t *task) warnings(k Comparison, asked Task) []string {
	out := []string{}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if n := len(t.cold.astray); n > 0 {
		say("%s of %d found a prefix in the cache and %s not compared: most likely a run with the same seed went before, %s; take another seed, or none",
			count(n, "cold call"), k.Cold.Answered, is(n), within(asked.TTL))
	}
	if k.Warm.Calls == 0 && k.Warm.Answered > 0 {
		say("%s", neverRead(k.Warm.Answered, asked.TTL))
	} else {
		t.missed(say)
	}
	wrote := func(a answer) bool { return a.usage.CacheWrite5m+a.usage.CacheWrite1h > 0 }
	if n := len(t.cold.calls); asked.TTL != "" && k.Warm.Calls > 0 && n > 0 && !slices.ContainsFunc(t.cold.calls, wrote) {
		say("not one of %s wrote the cache: they paid less than a miss does", count(n, "cold call"))
	}
	least := stats.LeastN(0.5, level)
	switch streams := min(k.Cold.TTFT.N, k.Warm.TTFT.N); {
	case k.Cold.Calls < least || k.Warm.Calls < least:
		say("too few to compare: a median takes %d calls of each kind, there are %d cold and %d warm", least, k.Cold.Calls, k.Warm.Calls)
	case k.Cold.Calls < leastMean || k.Warm.Calls < leastMean:
		say("too few for an interval of the cost: it takes %d calls of each kind, there are %d cold and %d warm", leastMean, k.Cold.Calls, k.Warm.Calls)
	case streams == 0:
		say("service_ttft takes answers that are streamed")
	}
	return out
}

// missed tells of the warm calls that missed, by whether they could have hit.
func (t *task) missed(say func(format string, args ...any)) {
	early := 0
	for _, a := range t.warm.astray {
		if a.started < t.ready {
			early++
		}
	}
	if early > 0 {
		say("%s left before the prefix could be read and %s not compared: one has to write it, and until its answer begins none can read", count(early, "warm call"), is(early))
	}
	if late := len(t.warm.astray) - early; late > 0 {
		say("%s missed a prefix that had been written and %s not compared: it had expired, or the server did not keep it", count(late, "warm call"), is(late))
	}
}

func neverRead(answered int, ttl string) string {
	what := fmt.Sprintf("not one of %s read the cache, so there is nothing to compare: ", count(answered, "warm call"))
	if ttl == "" {
		return what + "the server does not cache, or does not say so"
	}
	return what + "is the system prompt as long as the model caches at least (512 to 4,096 tokens)?"
}

// within says how long ago a run must have been for its prefixes to be there.
func within(ttl string) string {
	switch ttl {
	case "5m":
		return "less than 5 minutes ago"
	case "1h":
		return "less than an hour ago"
	}
	return "not long ago"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func is(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
