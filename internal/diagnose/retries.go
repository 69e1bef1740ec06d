package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// Retries are a finding from here on.
const (
	minRetries  = 6
	retryBound  = 0.05 // more load than was asked for
	retryStrong = 0.5
)

// retryLoad is the attempts after the first of a request.
type retryLoad struct {
	first, later int
	failed       map[attempt]call.Class
	retries      []attempt
	waited, e2e  time.Duration // of the answers: on earlier attempts, and in all
}

type attempt struct{ index, n int }

func (l *retryLoad) add(r call.Result) {
	if l.failed == nil {
		l.failed = map[attempt]call.Class{}
	}
	if r.Attempt > 1 {
		l.later++
		l.retries = append(l.retries, attempt{r.Index, r.Attempt})
	} else {
		l.first++
	}
	if r.Class != call.OK {
		l.failed[attempt{r.Index, r.Attempt}] = r.Class
		return
	}
	l.waited += r.Earlier
	l.e2e += r.E2E()
}

// retryAmplification looks for load that retries make.
func (e *Evidence) retryAmplification(metrics.Summary) outcome {
	l := &e.retries
	if needs := enough(l.first, "requests"); needs != "" {
		return lacks("%s", needs)
	}
	extra := float64(l.later) / float64(l.first)
	if l.later < minRetries || extra <= retryBound {
		return outcome{}
	}
	f := Finding{
		ID: "retry.amplification", Severity: Medium,
		Title:    fmt.Sprintf("retries add %s to the load", percent(extra)),
		Effect:   fmt.Sprintf("%s more attempts than requests", percent(extra)),
		Evidence: []string{fmt.Sprintf("%s requests made %s attempts", count(int64(l.first)), count(int64(l.first+l.later)))},
		Weight:   weakest(over(l.later, l.first, retryBound)),
		Recommendations: []string{
			"Clear the cause first: what the retries follow is named above.",
			"Let the application wait for retry-after, back off exponentially with jitter, and give up after a few attempts.",
			"on_limit: {mode: avoid, share: 0.9} shows the same load without 429s to retry.",
		},
		Disproof: "without retries (on_limit: measure) the API refuses as large a share of attempts",
		Next:     "the same plan and seed with on_limit: measure",
	}
	if extra > retryStrong {
		f.Severity = High
	}
	if causes := l.causes(); causes != "" {
		f.Evidence = append(f.Evidence, "they follow "+causes)
	}
	if l.waited > 0 && l.e2e > 0 {
		share := float64(l.waited) / float64(l.e2e)
		f.Effect += fmt.Sprintf("; %s of the answers' e2e went by on earlier attempts", percent(share))
		f.Evidence = append(f.Evidence, fmt.Sprintf("the answers waited %s in all for earlier attempts, %s of their e2e", seconds(l.waited), percent(share)))
	}
	return one(f, true)
}

// causes counts what the retries followed, the most frequent first.
func (l *retryLoad) causes() string {
	n := map[call.Class]int{}
	for _, a := range l.retries {
		if c, ok := l.failed[attempt{a.index, a.n - 1}]; ok {
			n[c]++
		}
	}
	var out []string
	for _, c := range slices.SortedFunc(maps.Keys(n), func(a, b call.Class) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b))
	}) {
		out = append(out, fmt.Sprintf("%s (%s)", c, count(int64(n[c]))))
	}
	return strings.Join(out, ", ")
}
