package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/plan"
)

type pricesCommand struct {
	List   pricesListCommand   `cmd:"" default:"withargs" help:"List the prices in force (the default)."`
	Import pricesImportCommand `cmd:"" help:"Read LiteLLM's price file: say what differs, and print a plan's prices."`
}

type pricesListCommand struct {
	Plan  string `arg:"" optional:"" help:"A plan, whose own prices are then in force and marked."`
	Model string `help:"This model alone." placeholder:"NAME"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run carries out the command.
func (c *pricesListCommand) Run(e *env) error {
	catalog := cost.Builtin()
	if c.Plan != "" {
		l, err := e.load(c.Plan, nil, plan.SimURL, nil) // nothing is sent: neither key nor budget is wanted
		if err != nil {
			return err
		}
		catalog = l.plan.Catalog
	}
	list, err := entriesOf(catalog, c.Model)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Prices = list[i].Prices.WithDefaults()
	}
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			AsOf      string       `json:"as_of"`
			Unit      string       `json:"unit"`
			WebSearch json.Number  `json:"web_search_per_1000"`
			Plan      string       `json:"plan,omitempty"`
			Models    []cost.Entry `json:"models"`
		}{catalog.AsOf(), "USD per million tokens", perThousand(catalog), c.Plan, list})
	}
	return writePrices(e.stdout, catalog, list, c.Plan)
}

// entriesOf returns the models of a catalogue, or the one that is asked for.
func entriesOf(catalog *cost.Catalog, model string) ([]cost.Entry, error) {
	if model == "" {
		return catalog.List(), nil
	}
	entry, ok := catalog.Lookup(model)
	if ok {
		return []cost.Entry{entry}, nil
	}
	hint := "tokenload prices lists the models that have one; a plan's prices can add others"
	if g := catalog.Guess(model); g != "" {
		hint = fmt.Sprintf("did you mean %s?", g)
	}
	return nil, hinted{fmt.Errorf("model %q has no price", model), hint}
}

// perThousand is the price of a thousand web searches.
func perThousand(c *cost.Catalog) json.Number { return json.Number((1000 * c.WebSearch()).Decimal()) }

// writePrices renders a price list for people. What is the same for many models,
// their sources, stands once below.
func writePrices(w io.Writer, catalog *cost.Catalog, list []cost.Entry, planName string) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "prices of %s in USD per million tokens; a thousand web searches $%s\n\n", catalog.AsOf(), perThousand(catalog))
	widest := len("over 1,000,000 tokens") + 2
	for _, e := range list {
		widest = max(widest, len(e.ID))
	}
	row := func(mark, model string, cells ...string) {
		line := fmt.Sprintf("%1s %-*s", mark, widest, model)
		for i, width := range []int{8, 10, 10, 8, 8, 13, 6, 7, 8} {
			if i < len(cells) {
				line += fmt.Sprintf("%*s", width, cells[i])
			}
		}
		fmt.Fprintln(b, line)
	}
	row("", "MODEL", "INPUT", "WRITE 5M", "WRITE 1H", "READ", "OUTPUT", "FAST IN/OUT", "US", "BATCH", "SOURCE")
	var sources []string
	ours := false
	for _, e := range list {
		from := e.Source + ": " + e.Confidence
		if !slices.Contains(sources, from) {
			sources = append(sources, from)
		}
		mark := ""
		if e.Source == cost.PlanSource {
			mark, ours = "*", true
		}
		p := e.Prices
		row(mark, e.ID, p.Input.Decimal(), p.CacheWrite5m.Decimal(), p.CacheWrite1h.Decimal(), p.CacheRead.Decimal(), p.Output.Decimal(),
			fastCell(p.Fast), factorCell(p.USGeo), factorCell(p.Batch), strconv.Itoa(slices.Index(sources, from)+1))
		for _, band := range p.Bands {
			row("", fmt.Sprintf("  over %d tokens", band.Over), band.Input.Decimal(), band.CacheWrite5m.Decimal(), band.CacheWrite1h.Decimal(),
				band.CacheRead.Decimal(), band.Output.Decimal())
		}
	}
	fmt.Fprintln(b)
	if ours {
		fmt.Fprintf(b, "* from the prices of %s\n", planName)
	}
	for i, from := range sources {
		fmt.Fprintf(b, "%d %s\n", i+1, from)
	}
	writePriceNotes(b, list)
	return b.Flush()
}

// writePriceNotes lists what a row has no room for.
func writePriceNotes(w io.Writer, list []cost.Entry) {
	for _, e := range list {
		var notes []string
		if len(e.Aliases) > 0 {
			notes = append(notes, "also "+strings.Join(e.Aliases, ", "))
		}
		if e.Status != "" && e.Status != "active" {
			notes = append(notes, e.Status)
		}
		if f := e.Prices.Fast; f != nil {
			if f.Until != "" {
				notes = append(notes, "fast until "+f.Until)
			}
			if f.Confidence != "" {
				notes = append(notes, "fast "+f.Confidence)
			}
		}
		if e.Note != "" {
			notes = append(notes, e.Note)
		}
		if len(notes) > 0 {
			fmt.Fprintf(w, "%s: %s\n", e.ID, strings.Join(notes, "; "))
		}
	}
}

func fastCell(f *cost.Fast) string {
	if f == nil {
		return "-"
	}
	return f.Input.Decimal() + "/" + f.Output.Decimal()
}

func factorCell(m cost.Multiplier) string {
	if m == 0 {
		return "-"
	}
	return "x" + m.String()
}

type pricesImportCommand struct {
	File string `arg:"" help:"LiteLLM's model_prices_and_context_window.json, or an extract of it."`
	Out  string `short:"o" help:"Write to a new file, for a plan's prices: {file: ...}, instead of standard output." placeholder:"FILE"`
}

// Run carries out the command.
func (c *pricesImportCommand) Run(e *env) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("read price file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	imported, warnings, err := cost.ImportLiteLLM(f)
	for _, w := range warnings {
		e.say("warning: %s", w)
	}
	if err != nil {
		return hinted{fmt.Errorf("import %q: %w", c.File, err), "want LiteLLM's model_prices_and_context_window.json: an object of models, prices in dollars a token"}
	}
	table := cost.Builtin()
	entries, lines := table.News(imported)
	for _, line := range lines {
		e.say("%s", line)
	}
	e.say("%d models read; the table of %s has %d of them otherwise or not at all", len(imported), table.AsOf(), len(entries))
	text := plan.PriceFile(entries,
		fmt.Sprintf("Prices of Anthropic's API in USD per million tokens, imported on %s from %s (LiteLLM):", time.Now().UTC().Format(time.DateOnly), filepath.Base(c.File)),
		fmt.Sprintf("what tokenload's table of %s has otherwise, or not at all.", table.AsOf()))
	if c.Out == "" {
		_, err := e.stdout.Write(text)
		return err
	}
	if err := create(c.Out, text); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return hinted{fmt.Errorf("import %q: %w", c.File, err), "nothing was written; give another file"}
		}
		return fmt.Errorf("import %q: %w", c.File, err)
	}
	e.say("written to %s: a plan takes it with prices: {file: %s}", c.Out, filepath.ToSlash(c.Out))
	return nil
}
