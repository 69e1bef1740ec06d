package capacity

import "math"

// Forecast is what the rest of a search is going to take.
type Forecast struct {
	Requests, Most float64 // that are answered: probably, and at the most
	Input, Output  float64 // tokens of one of them
	Dollars        float64 // of one of them
}

// Forecast foretells the rest of the search, where limits are known from headers;
// false is that there is nothing to foretell it from.
func (s *Search) Forecast() (Forecast, bool) {
	f := Forecast{Dollars: s.dollars()}
	for _, t := range s.Tasks {
		if m := s.samples[t.Name]; m != nil && m.n > 0 {
			f.Input += t.Share * m.input / m.n
			f.Output += t.Share * m.output / m.n
		}
	}
	all := s.ceilings()
	if len(all) == 0 || math.IsNaN(all[0].Said) || s.ended == 0 {
		return f, false
	}
	rate := all[0].Load.Value
	if most := s.arrivals(s.Users, s.Max); most < rate {
		rate = most
	}
	// The climb to nine tenths in three steps, the bucket and what refills while it
	// is drained, and the confirmation; at the most all the long probes, too.
	f.Requests = all[0].holds()/all[0].Each.Value + rate*(25+confirmAt*s.Confirm.Seconds())
	f.Most = f.Requests + rate*30
	if len(s.Criteria) > 0 {
		f.Requests += rate * below * (3 + 7 + 25)
		f.Most += rate * (below*(15+15+40) + mostLong*longProbe.Seconds() + (mostProbes-mostLong)*20)
	}
	return f, true
}
