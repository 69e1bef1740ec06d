package diagnose

import (
	"fmt"
	"math"

	"github.com/tokenload/tokenload/internal/metrics"
)

// A cached prefix that is gone before its time is a finding from here on.
const (
	minRepeats   = 20   // calls that an entry was waiting for
	minEvicted   = 3    // of them, those that wrote it again
	evictedShare = 0.02 // of them, at most, in a cache that works: it promises nothing
	evictedSigma = 3.0  // standard errors beyond that
	evictedMost  = 0.5  // from here on the prefix itself may change
)

// cacheEvicted replays the run's own arrivals through the rules of the cache and
// looks for calls that must have found their prefix and did not. What expired
// and what was still being written is not among them.
func (e *Evidence) cacheEvicted(metrics.Summary) outcome {
	uses, needs := e.cacheUse()
	if needs != "" {
		return lacks("%s", needs)
	}
	var lost lost
	var evidence, ruledOut []string
	judged, expected, missed, rivals := 0, 0, 0, 0
	for _, key := range e.keys() {
		r, ok := uses[key]
		if !ok || r.repeats < minRepeats {
			continue
		}
		judged++
		again := len(r.again)
		if again < minEvicted || r.alwaysWrites() || beyond(again, r.repeats, evictedShare) <= evictedSigma {
			continue
		}
		expected, missed = expected+r.repeats, missed+again
		lost.add(e, key.model, r.again, asRead)
		evidence = append(evidence, fmt.Sprintf("%s: %s of %s calls must have found their prefix, by the rules of the cache and our own arrivals; %s did",
			key.task, count(int64(r.repeats)), count(int64(r.calls)), count(int64(r.repeats-again))))
		switch {
		case e.Cache[key.task] != "":
			ruledOut = append(ruledOut, fmt.Sprintf("a beginning that changes: %s sends one system prompt, the same each time", key.task))
		case float64(again) > evictedMost*float64(r.repeats):
			rivals = 1
			evidence = append(evidence, fmt.Sprintf("rival explanation: the beginning of %s's prompts may change more often than it stays", key.task))
		}
	}
	switch {
	case judged == 0:
		return lacks("%d calls that a cached prefix was waiting for", minRepeats)
	case missed == 0:
		return outcome{}
	}
	return one(Finding{
		ID: "cache.evicted", Severity: Medium,
		Title: fmt.Sprintf("cached prefixes are gone before their time: %s of %s calls that one was waiting for wrote it again", count(int64(missed)), count(int64(expected))),
		Effect: fmt.Sprintf("hit rate of those calls %s instead of 100%%; %s",
			percent(1-float64(missed)/float64(expected)), lost.words("more than reading it")),
		Evidence: evidence,
		Rivals: append([]string{
			"expiry: each of these calls left within the time to live since the prefix was last used",
			"a stampede: the answer that wrote the prefix had begun before each of them left",
		}, ruledOut...),
		Weight: weakest(over(missed, expected, evictedShare)), Remain: rivals,
		Recommendations: []string{
			"Look at what stands between: a gateway that spreads calls over several keys, workspaces, regions or providers gives each a cache of its own. Keep a task's calls on one.",
			"The cache promises nothing. Where misses are dear, ask for an hour (system: {cache: 1h}) and compare the hit rate; tokenload whatif says what they cost.",
		},
		Disproof: "sent straight to the API with one key, as many calls write again",
		Next:     "the same plan and seed, sent straight to the API with one key",
	}, true)
}

// beyond is by how many standard errors k of n are more than a share.
func beyond(k, n int, share float64) float64 {
	return (float64(k) - share*float64(n)) / math.Sqrt(float64(n)*share*(1-share))
}
