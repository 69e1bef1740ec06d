package capacity

import (
	"math"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// sample is what the answers to one task have been so far.
type sample struct {
	n             float64
	bytes         float64 // sum, of requests whose length is known
	input, output float64 // sums
	inSquare      float64 // sums of squares
	outSquare     float64
	byteSquare    float64
	crossed       float64 // sum of input × bytes
	knownBytes    bool
	billed        float64 // dollars
}

func (m *sample) add(c *Call) {
	in, out, b := c.counted(), float64(c.Output), float64(c.Bytes)
	m.knownBytes = (m.n == 0 || m.knownBytes) && c.Bytes > 0
	m.n++
	m.bytes += b
	m.input += in
	m.output += out
	m.inSquare += in * in
	m.outSquare += out * out
	m.byteSquare += b * b
	m.crossed += in * b
	m.billed += c.Cost.Dollars()
}

// units is what one request takes of a limit of some kind: the mean and the
// square of its standard error. Input follows from the length of requests, which
// is known of those to come: so many tokens a byte.
func (m *sample) units(k call.LimitKind, t Task) (mean, variance float64) {
	n, bytes := m.n, t.Bytes
	spread := func(sum, square float64) float64 { return max(0, square-sum*sum/n) / max(n-1, 1) / n }
	switch k {
	case call.LimitInputTokens:
		if m.knownBytes && bytes > 0 && m.bytes > 0 {
			ratio, scale := m.input/m.bytes, bytes*n/m.bytes
			off := max(0, m.inSquare-2*ratio*m.crossed+ratio*ratio*m.byteSquare)
			return ratio * bytes, off/max(n-1, 1)/n*scale*scale + ratio*ratio*t.BytesError*t.BytesError
		}
		return m.input / n, spread(m.input, m.inSquare)
	case call.LimitOutputTokens:
		return m.output / n, spread(m.output, m.outSquare)
	case call.LimitTokens:
		in, a := m.units(call.LimitInputTokens, t)
		out, b := m.units(call.LimitOutputTokens, t)
		return in + out, a + b
	}
	return 1, 0
}

// each is what one request of the plan takes of a limit on average, other
// classes' requests included with nothing.
func (s *Search) each(b bucket) stats.Estimate {
	e := stats.Estimate{}
	variance, share, missing := 0.0, 0.0, 0.0
	for _, t := range s.Tasks {
		if t.Class != b.class {
			continue
		}
		m := s.samples[t.Name]
		if m == nil || m.n == 0 {
			missing += t.Share
			continue
		}
		mean, v := m.units(b.kind, t)
		e.Value += t.Share * mean
		variance += t.Share * t.Share * v
		share += t.Share
		e.N += int(m.n)
	}
	if share > 0 && missing > 0 { // those not seen yet are taken to be like the others
		e.Value *= (share + missing) / share
		variance *= (share + missing) / share
	}
	out := 1.96 * math.Sqrt(variance)
	e.Low, e.High = max(0, e.Value-out), e.Value+out
	if b.kind != call.LimitRequests && e.N < 10 {
		e.Low, e.High = math.NaN(), math.NaN()
	}
	return e
}

// dollars is what one request of the plan costs on average.
func (s *Search) dollars() float64 {
	sum, share := 0.0, 0.0
	for _, t := range s.Tasks {
		if m := s.samples[t.Name]; m != nil && m.n > 0 {
			sum += t.Share * m.billed / m.n
			share += t.Share
		}
	}
	if share == 0 {
		return 0
	}
	return sum / share
}
