package diagnose

import (
	"fmt"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// Two kinds of answers are a finding from here on.
const (
	minModes   = 100  // alike answers
	modesRatio = 1.5  // of the slower kind's time to the faster one's
	modesLeast = 0.05 // seconds between the two
	dipLeast   = 0.45 // dip × √n below which chance alone has as large a dip more often than once in 20
	clearly    = 0.9  // probability from which an answer is surely of one kind
	tellsIt    = 0.5  // share of what kind an answer is of, from which a variable explains it
	unrelated  = 0.1  // and below which it has nothing to do with it
	tellsP     = 0.01
)

// factor is a variable that may tell why some answers are slow.
type factor struct {
	name string
	of   func(a answer, i, n int) int
	do   string // what to do where it explains them; "": that is another test's finding
}

const timeInRun = "the time in the run"

// tenths are the parts of a run in which time is looked at.
const tenths = 10

func factors(names map[string]int) []factor {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return []factor{
		{"a cached prefix was read or not", func(a answer, _, _ int) int { return flag(a.cached) },
			"This is what the prompt cache is worth: raise the share of calls that find their prefix; the findings cache.* say what is in the way."},
		{"a new connection or a kept one", func(a answer, _, _ int) int { return flag(a.newConn) },
			"Keep connections: answers on new ones begin later. Use one client for all calls; conn.churn says how often it happens."},
		{timeInRun, func(_ answer, i, n int) int { return i * tenths / n }, ""},
		{"the stage of the load", func(a answer, _, _ int) int { return names[a.stage] }, ""},
		{"the requests in flight", func(a answer, _, _ int) int { return int(2 * math.Log2(float64(a.before+1))) }, ""},
	}
}

// telling is how much a variable tells of which answers are slow.
type telling struct {
	factor
	share, p float64
}

// elsewhere says that the variable explains the slow answers, and that to find it
// is for another test.
func (t telling) elsewhere() bool { return t.share >= tellsIt && t.do == "" }

// tell asks every variable that differs between the answers; best is the one that tells most, its share 0 where
// none tells anything.
func tell(answers []answer, slow []int) (all []telling, best telling) {
	names := map[string]int{}
	for _, a := range answers {
		if _, ok := names[a.stage]; !ok {
			names[a.stage] = len(names)
		}
	}
	for _, f := range factors(names) {
		classes := make([]int, len(answers))
		for i, a := range answers {
			classes[i] = f.of(a, i, len(answers))
		}
		if slices.Max(classes) == slices.Min(classes) {
			continue
		}
		t := telling{factor: f}
		t.share, t.p = stats.Told(slow, classes, sampleSeed)
		if math.IsNaN(t.share) || t.p >= tellsP {
			t.share = 0
		}
		all = append(all, t)
		if t.share > best.share {
			best = t
		}
	}
	return all, best
}

// twoKinds is answers of like requests that come in two kinds.
type twoKinds struct {
	answers []answer
	stats.Modes
	slow  []int // 1 for an answer of the slower kind
	sure  int   // answers that are surely of one
	times [2]float64
	all   []telling
	best  telling
}

// kinds looks for two kinds of answers; needs says why it cannot.
func (e *Evidence) kinds() (k twoKinds, found bool, needs string) {
	answers := e.sample.inOrder()
	alike, by := excess(answers, ttftOf, asked)
	if len(alike) < minModes {
		return k, false, fmt.Sprintf("%d streamed answers to first attempts whose first content took time, %d of each kind of request", minModes, minAlike)
	}
	logs := make([]float64, len(by))
	for i, f := range by {
		logs[i] = math.Log(f)
	}
	if stats.Dip(logs)*math.Sqrt(float64(len(logs))) < dipLeast {
		return k, false, ""
	}
	k.answers, k.Modes = alike, stats.FindModes(by, sampleSeed)
	if !k.Bimodal {
		return k, false, ""
	}
	var parts [2][]float64
	for i, x := range logs {
		up := k.Upper(x)
		slow := int(math.Round(up))
		if max(up, 1-up) >= clearly {
			k.sure++
		}
		k.slow = append(k.slow, slow)
		parts[slow] = append(parts[slow], alike[i].ttft)
	}
	k.times = [2]float64{stats.Median(parts[0]), stats.Median(parts[1])}
	if k.ratio() < modesRatio || k.times[1]-k.times[0] < modesLeast {
		return k, false, ""
	}
	k.all, k.best = tell(alike, k.slow)
	return k, true, ""
}

// ratio is by how much the slower kind is slower.
func (k twoKinds) ratio() float64 { return math.Exp(k.Means[1] - k.Means[0]) }

// modeBi looks for answers to like requests that come in two kinds, fast and slow.
func (e *Evidence) modeBi(metrics.Summary) outcome {
	k, found, needs := e.kinds()
	if needs != "" {
		return lacks("%s", needs)
	}
	if !found || k.best.elsewhere() {
		return outcome{}
	}
	if _, drifts, _ := e.drifts(); len(drifts) > 0 && k.best.name == timeInRun && k.best.share >= unrelated {
		return outcome{} // before the change and after it are two kinds, too
	}
	share := k.Weights[1]
	fast, slow := millis(1000*k.times[0]), millis(1000*k.times[1])
	f := Finding{
		ID: "mode.bi", Severity: Medium,
		Title:  fmt.Sprintf("answers come in two kinds: %s of them take %s times as long to begin", percent(share), number(k.ratio())),
		Effect: fmt.Sprintf("%s of answers begin after %s instead of %s (medians)", percent(share), slow, fast),
		Evidence: []string{
			fmt.Sprintf("of %s answers to first attempts, each held against the median of its task, model and prompt length, %s begin after %s in the median (spread × %s) and %s after %s (spread × %s)",
				count(int64(len(k.answers))), percent(k.Weights[0]), fast, number(math.Exp(k.SDs[0])), percent(share), slow, number(math.Exp(k.SDs[1]))),
			fmt.Sprintf("two modes, not a long tail: Hartigan's dip %.3f (p %.3f), Ashman's D %.1f", k.Dip, k.P, k.Separation),
		},
		Rivals: []string{
			"a mixture of tasks, models, prompt lengths or thinking: it shows among answers of the same",
			"retries: only first attempts are looked at",
		},
		Disproof: "the same number of requests one after the other, all of one task, begin in one kind",
		Next:     "a hundred requests of one task, one after the other; then compare the request ids of the slow ones with the server's or the gateway's own log",
	}
	rivals := k.explain(&f)
	f.Weight, f.Remain = weakest(counted(k.sure, len(k.answers))), rivals
	return one(f, true)
}

// explain adds what tells which answers are slow, and what does not.
func (k twoKinds) explain(f *Finding) (rivals int) {
	cause := k.best.share >= tellsIt
	for _, t := range k.all {
		switch {
		case cause && t.name == k.best.name:
			f.Severity = Low
			f.Title += ", by whether " + t.name
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s tells %s of which answers are slow (mutual information over entropy, p %.3f)", t.name, percent(t.share), t.p))
		case t.share < unrelated:
			f.Rivals = append(f.Rivals, fmt.Sprintf("%s: it tells %s of which answers are slow", t.name, percent(t.share)))
		case !cause:
			rivals++
			f.Evidence = append(f.Evidence, fmt.Sprintf("rival explanation: %s tells %s of which answers are slow (p %.3f)", t.name, percent(t.share), t.p))
		}
	}
	if cause {
		f.Recommendations = []string{k.best.do}
		return rivals
	}
	f.Recommendations = []string{
		"Nothing in the records tells the slow answers from the fast ones. Look at what they do not show: the replica, region, account or provider that a gateway chose, a cold start, a scan of some requests.",
		"Give thresholds and time-outs to both kinds: a mean or a median says nothing of either.",
	}
	return rivals
}
