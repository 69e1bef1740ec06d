package diagnose

import (
	"math"
	"slices"
)

// mostWeight is the most that what speaks for a finding can weigh, in log-odds: all
// of it rests on a model of the world that may be wrong.
const mostWeight = 3.0

// What makes weights calibrated: in the labelled set of internal/cli, the share of
// findings of weight w that are right is 1/(1+exp(−(offset+slope·w))). Fitted by
// TestAccuracyDiagnosis, which prints them and fails where they have moved.
const (
	confidenceOffset = 0.0
	confidenceSlope  = 2.6
)

// confidenceOf is what a weight is worth where so many rival explanations remain,
// each of them as likely as the finding. In hundredths, and never certain.
func confidenceOf(weight float64, remain int) float64 {
	p := 1 / (1 + math.Exp(-(confidenceOffset + confidenceSlope*weight)))
	p = min(p, 0.99) / float64(1+remain)
	return max(0.01, math.Round(100*p)/100)
}

// weakest is what speaks for a finding: of a chain of pieces, in log-odds, the
// weakest.
func weakest(pieces ...float64) float64 { return max(-mostWeight, min(mostWeight, slices.Min(pieces))) }

// counted are the log-odds of the rule of succession, (k+1)/(n+2): of n
// observations that could speak for a finding, k did.
func counted(k, n int) float64 { return math.Log(float64(k+1) / float64(n-k+1)) }

// over is how much likelier k of n are if their own share is the true one than if
// it is the bound, in log-odds: n times the Kullback-Leibler divergence. It is 0 at
// the bound and below, where it is as likely as not that the true share is less.
func over(k, n int, bound float64) float64 {
	p := float64(min(k, n)) / float64(n)
	if n == 0 || p <= bound {
		return 0
	}
	kl := p * math.Log(p/bound)
	if p < 1 {
		kl += (1 - p) * math.Log((1-p)/(1-bound))
	}
	return float64(n) * kl
}
