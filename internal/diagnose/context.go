package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// groupNames are the classes of prompt length, in tokens.
var groupNames = [...]string{"under 1,000", "1,000 to under 10,000", "10,000 and over"}

const (
	minGroup    = 6    // the least number of values from which a median has a 95 % interval
	slowRatio   = 3.0  // from here on length is a finding
	outputGap   = 1.5  // from here on output length is a rival explanation
	severeRatio = 10.0 // from here on it is a grave one
)

const contextDisproof = "prompts of one length that differ in nothing else show the same spread"

func groupOf(promptTokens int64) int {
	switch {
	case promptTokens < 1000:
		return 0
	case promptTokens < 10_000:
		return 1
	}
	return 2
}

// lengthGroup is what requests of like prompt length took, on the service's
// clock: our own holding and lag would blur it.
type lengthGroup struct {
	ttft, e2e      []time.Duration
	prompt, output []int64
	cached         int64
	models         map[string]int
}

func (g *lengthGroup) add(r call.Result) {
	if d := r.ServiceTTFT(); d > 0 {
		g.ttft = append(g.ttft, d)
	}
	if d := r.ServiceE2E(); d > 0 {
		g.e2e = append(g.e2e, d)
	}
	g.prompt = append(g.prompt, r.Prompt())
	g.output = append(g.output, r.Output)
	g.cached += r.CacheRead
	if g.models == nil {
		g.models = map[string]int{}
	}
	g.models[r.Model]++
}

// usual is the model that most requests of the group went to; the first by name on a tie.
func (g *lengthGroup) usual() string {
	best := ""
	for _, m := range slices.Sorted(maps.Keys(g.models)) {
		if g.models[m] > g.models[best] {
			best = m
		}
	}
	return best
}

// median is the nearest-rank median; 0 without values.
func median[T int64 | time.Duration](v []T) T {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[(len(s)+1)/2-1]
}

// timing is one of the two times that are compared between groups.
type timing struct {
	name string
	of   func(*lengthGroup) []time.Duration
}

var timings = [...]timing{
	{"service_ttft", func(g *lengthGroup) []time.Duration { return g.ttft }},
	{"service_e2e", func(g *lengthGroup) []time.Duration { return g.e2e }},
}

// contextLength compares the groups of prompt length, and has the fit say how
// much of the difference is the length's own.
func (e *Evidence) contextLength(metrics.Summary) outcome {
	if f, found := contextFinding(e.groups); found {
		return one(f, e.ownLength(&f))
	}
	if f, found := e.fittedContext(); found {
		return one(f, true)
	}
	if !comparable(e.groups) {
		return lacks("%d answers each in two groups of prompt tokens (%s)", minGroup, strings.Join(groupNames[:], "; "))
	}
	return outcome{}
}

func comparable(groups [len(groupNames)]lengthGroup) bool {
	return slices.ContainsFunc(timings[:], func(t timing) bool {
		short, long := ends(groups, t)
		return short != long
	})
}

// contextFinding compares the longest prompts with the shortest. The time to
// the first content is asked first, since the length of the answer has no part in it.
func contextFinding(groups [len(groupNames)]lengthGroup) (Finding, bool) {
	for _, t := range timings {
		short, long := ends(groups, t)
		if short == long {
			continue
		}
		base, slow := t.of(&groups[short]), t.of(&groups[long])
		ratio := float64(median(slow)) / float64(median(base))
		if ratio <= slowRatio {
			continue
		}
		f := Finding{ID: "context.length", Severity: Medium,
			Title: fmt.Sprintf("long prompts are slow: median %s of %s prompt tokens is %s times that of %s",
				t.name, groupNames[long], number(ratio), groupNames[short])}
		if ratio > severeRatio {
			f.Severity = High
		}
		rivals, asides := differences(&groups[short], &groups[long], t.name)
		f.Evidence = slices.Concat(groupLines(groups), rivals, asides)
		f.Effect = fmt.Sprintf("%s more at %s prompt tokens than at %s (median %s)",
			millis(float64(median(slow)-median(base))/float64(time.Millisecond)), count(median(groups[long].prompt)), count(median(groups[short].prompt)), t.name)
		f.Disproof = contextDisproof
		f.Next = lengthTrial
		f.Recommendations = contextAdvice(&groups[long])
		f.Weight, f.Remain = weakest(over(slowerThan(slow, slowRatio*float64(median(base))), len(slow), 0.5)), len(rivals)
		return f, true
	}
	return Finding{}, false
}

// ends returns the groups of the shortest and the longest prompts that have
// enough values; the same one, or -1 twice, where there is nothing to compare.
func ends(groups [len(groupNames)]lengthGroup, t timing) (short, long int) {
	short, long = -1, -1
	for i := range groups {
		if len(t.of(&groups[i])) < minGroup {
			continue
		}
		if short < 0 {
			short = i
		}
		long = i
	}
	return short, long
}

func slowerThan(v []time.Duration, bound float64) int {
	n := 0
	for _, d := range v {
		if float64(d) > bound {
			n++
		}
	}
	return n
}

func groupLines(groups [len(groupNames)]lengthGroup) []string {
	var out []string
	for i, g := range groups {
		if len(g.prompt) == 0 {
			continue
		}
		line := fmt.Sprintf("%s prompt tokens: %s requests, median prompt %s tokens", groupNames[i], count(int64(len(g.prompt))), count(median(g.prompt)))
		for _, t := range timings {
			if v := t.of(&g); len(v) > 0 {
				line += fmt.Sprintf(", %s %s", t.name, millis(float64(median(v))/float64(time.Millisecond)))
			}
		}
		out = append(out, line)
	}
	return out
}

// differences names what else differs between the two groups: rivals could be
// the cause of the difference in timing, asides could not.
func differences(short, long *lengthGroup, timing string) (rivals, asides []string) {
	if a, b := short.usual(), long.usual(); a != b {
		rivals = append(rivals, fmt.Sprintf("rival explanation: the model differs too (%s for the short prompts, %s for the long)", a, b))
	}
	a, b := median(short.output), median(long.output)
	if float64(b) <= outputGap*float64(a) {
		return rivals, nil
	}
	longer := fmt.Sprintf("the answers are longer too (median %s output tokens against %s)", count(b), count(a))
	if timing == "service_e2e" {
		return append(rivals, "rival explanation: "+longer), nil
	}
	return rivals, []string{longer + ": that lengthens e2e, not the time to the first content"}
}

func contextAdvice(long *lengthGroup) []string {
	var total int64
	for _, p := range long.prompt {
		total += p
	}
	cache := "Cache the part the prompts share (system: {cache: 5m}): what is read from the cache is neither computed nor paid for in full."
	if hit := float64(long.cached) / float64(total); hit > 0.01 {
		cache = fmt.Sprintf("Cache more of the prompt: %s of the long prompts' tokens came from the cache.", percent(hit))
	}
	return []string{cache,
		"Compress: drop or summarise old turns, and retrieve passages instead of sending whole documents.",
		"Split: ask for parts in parallel where they do not need each other, and give long prompts a task with thresholds of its own."}
}
