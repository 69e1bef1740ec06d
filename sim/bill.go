package sim

// Pico is an amount of money: 10⁻¹² US dollars, the unit in which prices per
// token are whole numbers.
type Pico int64

// Dollars is the amount in US dollars, for people.
func (p Pico) Dollars() float64 { return float64(p) / 1e12 }

// price is what a model costs, in thousandths of a dollar per million tokens.
// Cache writes are 1.25 × input for 5 minutes and 2 × for an hour.
type price struct{ input, read, output Pico }

// priceOf is the published price of a model (November 2026) for a prompt of so
// many tokens, all of it: Haiku 5.5 alone is dearer beyond 100,000. In fast mode
// the models that have it cost twice as much (published for Opus 4.8 and 5 and
// Fable 5.2; assumed for the others).
func priceOf(m *model, prompt int, fast bool) price {
	var p price
	switch {
	case m.mythical() && m.generation >= 52:
		p = price{8_000, 200, 40_000}
	case m.mythical() && m.generation == 51:
		p = price{10_000, 250, 50_000}
	case m.mythical():
		p = price{10_000, 1_000, 50_000}
	case m.family == "opus" && m.generation >= 55:
		p = price{4_000, 200, 20_000}
	case m.family == "opus":
		p = price{5_000, 500, 25_000}
	case m.family == "sonnet" && m.generation >= 55:
		p = price{2_000, 100, 10_000}
	case m.family == "sonnet" && m.generation >= 50:
		p = price{2_000, 200, 10_000}
	case m.family == "sonnet":
		p = price{3_000, 300, 15_000}
	case m.generation >= 55 && prompt <= 100_000:
		p = price{100, 10, 500}
	case m.generation >= 55:
		p = price{500, 50, 2_500}
	default:
		p = price{1_000, 100, 5_000}
	}
	if fast && m.fast() {
		p = price{2 * p.input, 2 * p.read, 2 * p.output}
	}
	return p
}

// bill is what a usage costs; a fraction of a pico-dollar is rounded up.
func bill(req *request, u usage) Pico {
	p := priceOf(req.model, u.prompt(), req.speed == "fast")
	sum := p.input*Pico(4*u.input+5*u.write5m+8*u.write1h) + p.read*Pico(4*u.read) + p.output*Pico(4*u.output)
	sum *= 1000 // from 10⁻⁹ dollars; still in quarters
	if req.geo == "us" {
		return (sum*11 + 39) / 40
	}
	return (sum + 3) / 4
}
