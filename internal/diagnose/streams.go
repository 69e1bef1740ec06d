package diagnose

import (
	"fmt"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// Streams are a finding from here on.
const (
	minBroken   = 3    // cut streams, or stalled ones,
	brokenBound = 0.01 // of all
	minCluster  = 5    // cuts from which a common time can be told
	stallGap    = 20 * time.Second

	bufferedGap   = 2 * time.Millisecond
	bufferedPart  = 0.8 // of the gaps within that, and of e2e before the first content
	bufferedShare = 0.5 // of the streams
	bufferedLeast = 250 * time.Millisecond
	minGaps       = 7
)

// streamLoad is how answers came that were streamed.
type streamLoad struct {
	streams, stalled int
	cuts             []cut
	longestOK        time.Duration
	gaps             []time.Duration // those over stallGap, the longest of each stream
	judged, buffered int             // streams long enough to judge, and those that came all at once
	lateFirst        []time.Duration // service_ttft of the buffered ones
}

// cut is a stream that ended before its end.
type cut struct {
	after  time.Duration // the send
	events int
}

func (l *streamLoad) add(r call.Result) {
	switch r.Class {
	case call.Cut:
		l.cuts = append(l.cuts, cut{since(r.Done, r.Sent), r.Events})
	case call.Stalled:
		l.stalled++
	case call.StreamError:
	default:
		if r.FirstContent == 0 {
			return
		}
	}
	l.streams++
	if r.GapMax > stallGap {
		l.gaps = append(l.gaps, r.GapMax)
	}
	if r.Class != call.OK {
		return
	}
	l.longestOK = max(l.longestOK, since(r.Done, r.Sent))
	if atOnce, ok := buffered(r); ok {
		l.judged++
		if atOnce {
			l.buffered++
			l.lateFirst = append(l.lateFirst, r.ServiceTTFT())
		}
	}
}

func since(at, from time.Duration) time.Duration { return max(at-from, 0) }

// buffered reports whether a stream came all at once at its end, and whether it
// is long enough to tell.
func buffered(r call.Result) (atOnce, ok bool) {
	n, quick := 0, 0
	for _, g := range r.Gaps {
		n += g[1]
		if g[0] <= call.GapBucket(bufferedGap) {
			quick += g[1]
		}
	}
	if n < minGaps || r.ServiceE2E() < bufferedLeast {
		return false, false
	}
	return float64(quick) > bufferedPart*float64(n) && float64(r.ServiceTTFT()) > bufferedPart*float64(r.ServiceE2E()), true
}

// streamCut looks for streams without an end, and for a time at which they all stop.
func (e *Evidence) streamCut(metrics.Summary) outcome {
	l := &e.streams
	if needs := enough(l.streams, "streamed answers"); needs != "" {
		return lacks("%s", needs)
	}
	n := len(l.cuts)
	share := float64(n) / float64(l.streams)
	if n < minBroken || share <= brokenBound {
		return outcome{}
	}
	f := Finding{
		ID: "stream.cut", Severity: Medium,
		Title:    fmt.Sprintf("%s of streams were cut before their end", percent(share)),
		Effect:   fmt.Sprintf("%s of answers are not whole, and are paid for", percent(share)),
		Evidence: []string{fmt.Sprintf("%s of %s streams ended without their last event", count(int64(n)), count(int64(l.streams)))},
		Weight:   weakest(over(n, l.streams, brokenBound)),
		Recommendations: []string{
			"Look into the logs of every proxy between here and the API at the times of the cuts; requests.jsonl has them.",
			"Let the application notice an answer without message_stop and ask again.",
		},
		Disproof: "sent to the API without the proxy, as large a share is cut",
		Next:     "the same plan and seed sent around whatever stands between",
	}
	if share > 4*shareBound {
		f.Severity = High
	}
	at, near, ok := l.cutTime()
	if !ok {
		return one(f, true)
	}
	f.Title = fmt.Sprintf("%s of streams were cut at %s: something between has a time-out", percent(share), seconds(at))
	f.Evidence = append(f.Evidence, fmt.Sprintf("%s of the cuts came within %s of %s after the send", count(int64(near)), millis(float64(cutTolerance(at))/1e6), seconds(at)))
	f.Rivals = []string{
		fmt.Sprintf("chance: no stream that ended well took longer than %s", seconds(l.longestOK)),
		"a limit on the length of the answer: the cuts came after different numbers of content events",
	}
	f.Recommendations = slices.Insert(f.Recommendations, 0, fmt.Sprintf("Raise the time-out of %s in the proxy, gateway or load balancer between; until then ask for answers that end before it.", seconds(at)))
	f.Disproof = "answers that take longer than that come through"
	f.Next = "one request with a max_tokens that takes twice as long, through the proxy and around it"
	return one(f, true)
}

func cutTolerance(at time.Duration) time.Duration { return max(250*time.Millisecond, at/50) }

// cutTime is the time at which most cuts came, if there is one that a time-out
// would explain: no good answer outlived it, and the cuts are not all at the same
// event, which would be a matter of length.
func (l *streamLoad) cutTime() (at time.Duration, near int, ok bool) {
	if len(l.cuts) < minCluster {
		return 0, 0, false
	}
	var after []time.Duration
	least, most := l.cuts[0].events, l.cuts[0].events
	for _, c := range l.cuts {
		after = append(after, c.after)
		least, most = min(least, c.events), max(most, c.events)
	}
	at = median(after)
	for _, a := range after {
		if (a - at).Abs() <= cutTolerance(at) {
			near++
		}
	}
	ok = at >= time.Second && least != most && l.longestOK <= at+cutTolerance(at) && float64(near) >= 0.8*float64(len(after))
	return at, near, ok
}

// streamStall looks for long silences inside answers.
func (e *Evidence) streamStall(metrics.Summary) outcome {
	l := &e.streams
	if needs := enough(l.streams, "streamed answers"); needs != "" {
		return lacks("%s", needs)
	}
	n := len(l.gaps) + l.stalled
	share := float64(n) / float64(l.streams)
	if n < minBroken || share <= brokenBound {
		return outcome{}
	}
	f := Finding{
		ID: "stream.stall", Severity: Medium,
		Title:    fmt.Sprintf("%s of streams fell silent for over %s", percent(share), seconds(stallGap)),
		Evidence: []string{},
		Weight:   weakest(over(n, l.streams, brokenBound)),
		Recommendations: []string{
			"Show the user that the answer goes on; pings of the API keep the connection, but bring no content.",
			"Set target.stall_timeout, and in the application a time-out between bytes, to what a user would wait; then ask again.",
		},
		Disproof: "at another hour, or around the proxy, no answer falls silent",
		Next:     "the same plan and seed at another hour, and around whatever stands between",
	}
	if len(l.gaps) > 0 {
		longest := slices.Max(l.gaps)
		f.Effect = fmt.Sprintf("up to %s without content", seconds(longest))
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of %s streams had a gap of over %s between content events, the longest %s",
			count(int64(len(l.gaps))), count(int64(l.streams)), seconds(stallGap), seconds(longest)))
	}
	if l.stalled > 0 {
		f.Effect = joined(f.Effect, fmt.Sprintf("%s streams never went on", count(int64(l.stalled))))
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of %s streams brought not one byte for stall_timeout and were given up", count(int64(l.stalled)), count(int64(l.streams))))
	}
	return one(f, true)
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// streamBuffered looks for a proxy that holds streams back until they are whole.
func (e *Evidence) streamBuffered(s metrics.Summary) outcome {
	l := &e.streams
	if needs := enough(l.judged, fmt.Sprintf("streamed answers of %d content events and %s", minGaps+1, millis(float64(bufferedLeast)/1e6))); needs != "" {
		return lacks("%s", needs)
	}
	share := float64(l.buffered) / float64(l.judged)
	if share <= bufferedShare {
		return outcome{}
	}
	f := Finding{
		ID: "stream.buffered", Severity: Medium,
		Title:  fmt.Sprintf("%s of streams came all at once: something between holds them back", percent(share)),
		Effect: fmt.Sprintf("the first content comes at %s (median), when the answer is whole", millis(float64(median(l.lateFirst))/1e6)),
		Evidence: []string{fmt.Sprintf("%s of %s streams had over %s of their content events within %s of the one before, and the first of them after %s of service_e2e",
			count(int64(l.buffered)), count(int64(l.judged)), percent(bufferedPart), millis(float64(bufferedGap)/1e6), percent(bufferedPart))},
		Recommendations: []string{
			"Switch off response buffering for text/event-stream in the proxy between (in nginx, proxy_buffering off), and compression of it.",
			"If nothing stands between, the application may as well ask without stream.",
		},
		Disproof: "sent to the API without the proxy, the events come all at once, too",
		Next:     "ten of the same requests around whatever stands between",
	}
	rivals := 0
	if s.Generator.Valid {
		f.Rivals = append(f.Rivals, "our own reader: it kept up, the run is valid")
	} else {
		rivals++
		f.Evidence = append(f.Evidence, "rival explanation: our own machine was too slow to read events as they came")
	}
	f.Weight, f.Remain = weakest(over(l.buffered, l.judged, bufferedShare)), rivals
	return one(f, true)
}
