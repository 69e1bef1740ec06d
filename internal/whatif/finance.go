package whatif

import (
	"errors"
	"math"
)

// Investment is what a change costs before it saves anything.
type Investment struct {
	Once    float64 `json:"once_usd"`     // at the start
	Monthly float64 `json:"monthly_usd"`  // for running it
	Months  int     `json:"months"`       // that are looked at; 0 is 12
	Annual  float64 `json:"annual_share"` // discount a year: 0.1 is 10 %
}

// Return is what an investment brings. What never comes is NaN, null in JSON.
type Return struct {
	SavingUSD        float64  `json:"saving_month_usd"` // before the cost of running it
	PaybackMonths    *float64 `json:"payback_months"`
	DiscountedMonths *float64 `json:"discounted_payback_months"`
	ROI              *float64 `json:"roi"` // a share of Once; null without one
	NPV              float64  `json:"npv_usd"`
	IRR              *float64 `json:"irr_month"` // a month; null where there is none
}

// Returns reckons what a monthly saving brings. With d = (1+a)^(1/12) − 1:
//
//	NPV = −I + Σ (S − G) ÷ (1+d)^t,  ROI = (Σ (S − G) − I) ÷ I,  payback = I ÷ (S − G)
//
// and discounted payback is the first month in which the NPV so far is not below 0.
func Returns(v Investment, saving float64) (Return, error) {
	if v.Months == 0 {
		v.Months = 12
	}
	if v.Once < 0 || v.Monthly < 0 || v.Months < 0 || v.Months > 1200 || v.Annual <= -1 || math.IsNaN(saving) || math.IsInf(saving, 0) {
		return Return{}, errors.New("an investment has figures from 0 up, at most 1,200 months and a discount over -100 %")
	}
	d := math.Pow(1+v.Annual, 1.0/12) - 1
	net := saving - v.Monthly
	r := Return{SavingUSD: saving, NPV: -v.Once}
	for t := 1; t <= v.Months; t++ {
		r.NPV += net / math.Pow(1+d, float64(t))
		if r.DiscountedMonths == nil && r.NPV >= 0 {
			r.DiscountedMonths = some(float64(t))
		}
	}
	if net > 0 {
		r.PaybackMonths = some(v.Once / net)
	}
	if v.Once > 0 {
		r.ROI = some((net*float64(v.Months) - v.Once) / v.Once)
		r.IRR = irr(v.Once, net, v.Months)
	}
	return r, nil
}

// irr is the monthly discount at which the NPV is 0, by bisection on (−0.99, 10);
// nil where it has no sign change there.
func irr(once, net float64, months int) *float64 {
	npv := func(d float64) float64 {
		sum := -once
		for t := 1; t <= months; t++ {
			sum += net / math.Pow(1+d, float64(t))
		}
		return sum
	}
	low, high := -0.99, 10.0
	if npv(low) < 0 || npv(high) > 0 {
		return nil
	}
	for range 200 {
		mid := (low + high) / 2
		if npv(mid) > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return some((low + high) / 2)
}

func some(f float64) *float64 { return &f }
