package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// Connections are a finding from here on.
const (
	churnRatio   = 3.0         // new connections, in multiples of those that were needed
	churnShare   = 0.2         // of attempts
	connMatters  = 0.05        // of the time to the first content
	keptIdle     = time.Minute // that long at least, idle connections are kept
	poolWait     = 5 * time.Millisecond
	poolQuantile = 0.95
	minPoolWaits = 72 // the least n with a two-sided interval of p95
)

// connLoad is how attempts came by their connections.
type connLoad struct {
	attempts, fresh int
	broke           int // attempts that a connection does not outlive
	ends            []connEnd
	dial            time.Duration   // of the fresh ones: connect and TLS
	ttft            time.Duration   // of the fresh ones that brought content: with dialling
	waits           []time.Duration // of the others
	all             []time.Duration // service_ttft
}

// connEnd is when an attempt took a connection, or left one that can be used again.
type connEnd struct {
	at    time.Duration
	taken bool
}

func (l *connLoad) add(r call.Result) {
	if r.Sent == 0 {
		return // no connection was had
	}
	l.attempts++
	l.ends = append(l.ends, connEnd{r.Started, true})
	switch r.Class {
	case call.Timeout, call.Stalled, call.Connection, call.Cut, call.StreamError, call.BadResponse, call.Canceled:
		l.broke++
	default:
		l.ends = append(l.ends, connEnd{max(r.Done, r.Sent), false})
	}
	if r.FirstContent > 0 {
		l.all = append(l.all, r.ServiceTTFT())
	}
	if !r.NewConn {
		l.waits = append(l.waits, r.ConnWait)
		return
	}
	l.fresh++
	if r.FirstContent > 0 {
		l.dial += r.Connect + r.TLS
		l.ttft += r.Connect + r.TLS + r.ServiceTTFT()
	}
}

// needed is how many connections would have done, had each been used again that
// was left for less than keptIdle.
func (l *connLoad) needed() int {
	slices.SortFunc(l.ends, func(a, b connEnd) int {
		if a.at == b.at && a.taken != b.taken {
			if a.taken {
				return -1 // the other's connection was not free yet
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	n := 0
	var idle []time.Duration // since when, the latest at the end
	for _, e := range l.ends {
		switch {
		case !e.taken:
			idle = append(idle, e.at)
		case len(idle) == 0 || e.at-idle[len(idle)-1] > keptIdle:
			n++
		default:
			idle = idle[:len(idle)-1]
		}
	}
	return n
}

// connChurn looks for connections that are made where others could have been used again.
func (e *Evidence) connChurn(metrics.Summary) outcome {
	l := &e.conns
	if needs := enough(l.attempts, "attempts that had a connection"); needs != "" {
		return lacks("%s", needs)
	}
	expected := l.needed()
	share := float64(l.fresh) / float64(l.attempts)
	if float64(l.fresh) <= churnRatio*float64(expected) || share <= churnShare || l.fresh < minAttempts {
		return outcome{}
	}
	f := Finding{
		ID: "conn.churn", Severity: Low,
		Title:  fmt.Sprintf("%s of attempts made a new connection, where %s would have done", percent(share), count(int64(expected))),
		Effect: fmt.Sprintf("%s of connect and TLS per new connection", millis(float64(l.dial)/float64(l.fresh)/1e6)),
		Evidence: []string{
			fmt.Sprintf("%s of %s attempts made a new connection", count(int64(l.fresh)), count(int64(l.attempts))),
			fmt.Sprintf("%s would have done for the requests that were under way at once, with connections kept for %s; %s ended in a way that a connection does not outlive",
				count(int64(expected)), seconds(keptIdle), count(int64(l.broke))),
		},
		Weight: weakest(over(l.fresh, l.attempts, churnShare)),
		Recommendations: []string{
			"Look at what stands between: a proxy or server that answers connection: close, or whose idle time-out is shorter than the pauses between requests.",
			"In the application, share one client with keep-alive and read every answer to its end.",
		},
		Disproof: "sent to the API without the proxy, as many attempts make a new connection",
		Next:     "the same plan at ten times the rate for a minute: where pauses are the cause, connections are then used again",
	}
	if l.ttft > 0 {
		part := float64(l.dial) / float64(l.ttft)
		f.Evidence = append(f.Evidence, fmt.Sprintf("connect and TLS are %s of the time to the first content of those", percent(part)))
		if part >= connMatters {
			f.Severity = Medium
		}
	}
	return one(f, true)
}

// connPoolWait looks for requests that waited for a connection without making one.
func (e *Evidence) connPoolWait(metrics.Summary) outcome {
	l := &e.conns
	n := len(l.waits)
	if n < minPoolWaits {
		return lacks("%d attempts on connections that were there already, the run has %s", minPoolWaits, count(int64(n)))
	}
	slices.Sort(l.waits)
	p95 := l.waits[int(math.Ceil(float64(n)*poolQuantile))-1]
	ttft := median(l.all)
	if p95 <= poolWait || ttft > 0 && float64(p95) <= connMatters*float64(ttft) {
		return outcome{}
	}
	long := n - countUpTo(l.waits, poolWait)
	f := Finding{
		ID: "conn.pool_wait", Severity: Low,
		Title:    fmt.Sprintf("requests wait for a connection: p95 %s", millis(float64(p95)/1e6)),
		Effect:   fmt.Sprintf("%s more latency at p95", millis(float64(p95)/1e6)),
		Evidence: []string{fmt.Sprintf("%s of %s attempts on a connection that was there already waited over %s for it", count(int64(long)), count(int64(n)), millis(float64(poolWait)/1e6))},
		Weight:   weakest(over(long, n, 1-poolQuantile)),
		Recommendations: []string{
			"Over HTTP/2, the server may allow few streams on a connection: try target.http: \"1.1\".",
			"With bursts, requests wait for connections that are being made: spread the arrivals.",
		},
		Disproof: "the waits stay at half the load",
		Next:     "the same plan and seed at half the load",
	}
	return one(f, true)
}

func countUpTo(sorted []time.Duration, d time.Duration) int {
	n, _ := slices.BinarySearch(sorted, d+1)
	return n
}
