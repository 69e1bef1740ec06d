package diagnose

import (
	"fmt"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// Diagnosis is what every test of the catalogue made of a run: each id of it is
// among the findings, or looked at and not found, or not assessable.
type Diagnosis struct {
	Findings []Finding `json:"findings"` // in the order in which to act on them
	// NotFound are the ids that were looked at and did not show.
	NotFound []string `json:"not_found"`
	// NotAssessable are those of which the records cannot tell, and what is missing.
	NotAssessable []Gap `json:"not_assessable"`
	// Models are the models side by side, by name.
	Models []Model `json:"models"`
}

// Gap is a test that could not be made.
type Gap struct {
	ID    string `json:"id"`
	Needs string `json:"needs"`
}

// minAttempts is the least number of attempts, or of answers, from which not
// seeing something says anything.
const minAttempts = 20

// outcome is what one test found. Needs is why it could not look, "" where it could.
type outcome struct {
	findings []Finding
	needs    string
}

func lacks(format string, args ...any) outcome { return outcome{needs: fmt.Sprintf(format, args...)} }

// one is the outcome of a test that found at most one thing.
func one(f Finding, found bool) outcome {
	if !found {
		return outcome{}
	}
	return outcome{findings: []Finding{f}}
}

// row is a test and the ids it can find.
type row struct {
	ids  []string
	test func(*Evidence, metrics.Summary) outcome
}

// catalogue lists every test, in the order in which to act on what it finds.
func catalogue() []row {
	return []row{
		{[]string{"generator.lag"}, (*Evidence).generator},
		{limitIDs(), (*Evidence).limits},
		{[]string{"other.tenant"}, (*Evidence).otherTenant},
		{[]string{"context.length"}, (*Evidence).contextLength},
		{[]string{"model.choice"}, (*Evidence).modelChoice},
		{[]string{"queue"}, (*Evidence).queueing},
		{[]string{"overload.529"}, (*Evidence).overload},
		{[]string{"retry.amplification"}, (*Evidence).retryAmplification},
		{[]string{"conn.churn"}, (*Evidence).connChurn},
		{[]string{"conn.pool_wait"}, (*Evidence).connPoolWait},
		{[]string{"stream.cut"}, (*Evidence).streamCut},
		{[]string{"stream.stall"}, (*Evidence).streamStall},
		{[]string{"stream.buffered"}, (*Evidence).streamBuffered},
		{[]string{"cache.never"}, (*Evidence).cacheNever},
		{[]string{"cache.always_write"}, (*Evidence).cacheAlwaysWrite},
		{[]string{"cache.expiry"}, (*Evidence).cacheExpiry},
		{[]string{"cache.cold_stampede"}, (*Evidence).cacheStampede},
		{[]string{"cache.evicted"}, (*Evidence).cacheEvicted},
		{[]string{"thinking.silence"}, (*Evidence).thinkingSilence},
		{[]string{"out.length"}, (*Evidence).outLength},
		{[]string{"out.truncated"}, (*Evidence).outTruncated},
		{[]string{"mode.bi"}, (*Evidence).modeBi},
		{[]string{"tail.heavy"}, (*Evidence).tailHeavy},
		{[]string{"drift"}, (*Evidence).drift},
	}
}

func limitIDs() []string {
	var ids []string
	for _, k := range kinds {
		ids = append(ids, limitID(k))
	}
	return ids
}

func limitID(k call.LimitKind) string { return "limit." + string(k) }

// Diagnosis makes every test of the catalogue.
func (e *Evidence) Diagnosis(s metrics.Summary) Diagnosis {
	d := Diagnosis{Findings: []Finding{}, NotFound: []string{}, NotAssessable: []Gap{}, Models: e.models(s)}
	for _, r := range catalogue() {
		o := r.test(e, s)
		found := map[string]bool{}
		for _, f := range o.findings {
			found[f.ID] = true
			f.Confidence = confidenceOf(f.Weight, f.Remain)
			if f.Rivals == nil {
				f.Rivals = []string{}
			}
			d.Findings = append(d.Findings, f)
		}
		for _, id := range r.ids {
			switch {
			case found[id]:
			case o.needs != "":
				d.NotAssessable = append(d.NotAssessable, Gap{id, o.needs})
			default:
				d.NotFound = append(d.NotFound, id)
			}
		}
	}
	return d
}

// enough says what is missing where n of a thing are too few to tell from.
func enough(n int, what string) string {
	if n >= minAttempts {
		return ""
	}
	return fmt.Sprintf("%d %s, the run has %s", minAttempts, what, count(int64(n)))
}
