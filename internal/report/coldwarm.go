package report

import (
	"fmt"
	"math"
	"strconv"

	"github.com/tokenload/tokenload/internal/cache"
	"github.com/tokenload/tokenload/internal/metrics"
)

// coldWarmHeads are the columns of cold against warm; every row has as many cells.
var coldWarmHeads = [...]string{"calls", "service_ttft", "95 % interval", "cost per 1k", "95 % interval"}

// coldWarmRows are cold, warm and the difference, each after its name.
func coldWarmRows(c cache.Comparison) [3][len(coldWarmHeads) + 1]string {
	side := func(name string, s cache.Side) [len(coldWarmHeads) + 1]string {
		return [...]string{name, thousands(int64(s.Calls)), ms(s.TTFT.Value), interval(s.TTFT, ms), perThousand(s.Cost.Value), interval(s.Cost, perThousand)}
	}
	return [...][len(coldWarmHeads) + 1]string{
		side(c.Task+" cold", c.Cold), side(c.Task+" warm", c.Warm),
		{"  warm less cold", "", signed(c.TTFT.Value, ms), interval(c.TTFT, func(n metrics.Number) string { return signed(n, ms) }),
			signed(c.Cost.Value, perThousand), interval(c.Cost, func(n metrics.Number) string { return signed(n, perThousand) })},
	}
}

// interval shows both ends; withheld where one is.
func interval(e cache.Estimate, show func(metrics.Number) string) string {
	low, high := show(e.Low), show(e.High)
	if low == withheld || high == withheld {
		return withheld
	}
	return low + " … " + high
}

// perThousand shows what a thousand calls cost, of the dollars of one.
func perThousand(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	f := float64(n) * 1000
	if f >= 0.9995 || f <= 0 {
		return "$" + digits3(f)
	}
	const digits = 3
	leading := -int(math.Floor(math.Log10(f))) // 1 for tenths
	return "$" + strconv.FormatFloat(f, 'f', leading+digits-1, 64)
}

// signed shows a difference with its sign in front.
func signed(n metrics.Number, show func(metrics.Number) string) string {
	if special(n) != "" || n == 0 {
		return show(n)
	}
	sign := "+"
	if n < 0 {
		sign = "−"
	}
	return sign + show(metrics.Number(math.Abs(float64(n))))
}

// coldWarmNotes say what is saved, and which calls are in no figure.
func coldWarmNotes(c cache.Comparison) []string {
	var out []string
	if c.Saved != nil && *c.Saved > 0 {
		would := float64(c.Warm.Cost.Value)*float64(c.Warm.Calls) + c.Saved.Dollars()
		out = append(out, fmt.Sprintf("%s cost %s less together than if they had missed (%s), for prompts of %s tokens of which %s were read",
			counted(c.Warm.Calls, "warm call"), *c.Saved, share(metrics.Number(c.Saved.Dollars()/would)), whole(c.Warm.Prompt.Input+c.Warm.Prompt.Write+c.Warm.Prompt.Read), whole(c.Warm.Prompt.Read)))
	}
	return append(out, c.Warnings...)
}

func (t *textPage) coldWarm(rep *Report) {
	if len(rep.PromptCache) == 0 {
		return
	}
	const nameWidth = 27
	widths := [...]int{6, 13, 18, 12, 20}
	t.line()
	head := left("PROMPT CACHE COLD AND WARM", nameWidth)
	for i, h := range coldWarmHeads {
		head += right(h, widths[i])
	}
	t.line(span{bold, "    " + head})
	for _, c := range rep.PromptCache {
		for _, row := range coldWarmRows(c) {
			cells := left(clip(printable(row[0]), nameWidth), nameWidth)
			for i, cell := range row[1:] {
				cells += right(t.seen(cell), widths[i])
			}
			t.line(span{plain, "    " + cells})
		}
		for _, n := range coldWarmNotes(c) {
			t.paragraph("      · ", n)
		}
	}
}

func (p *mdPage) coldWarm(rep *Report) {
	if len(rep.PromptCache) == 0 {
		return
	}
	p.line("")
	p.line("### Prompt cache, cold and warm")
	p.head(append([]string{""}, coldWarmHeads[:]...)...)
	for _, c := range rep.PromptCache {
		for _, row := range coldWarmRows(c) {
			row[0] = md(row[0])
			p.row(row[:]...)
		}
	}
	p.line("")
	for _, c := range rep.PromptCache {
		for _, n := range coldWarmNotes(c) {
			p.line("- %s: %s.", md(c.Task), md(n))
		}
	}
}
