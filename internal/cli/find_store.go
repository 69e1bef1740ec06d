package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
)

// searchFile says what a directory's search is about; it is written before the
// first step and never changed.
const searchFile = "search.json"

const searchVersion = 1

// searchRecord is what a search looks for, and where.
type searchRecord struct {
	Version    int      `json:"version"`
	PlanSHA256 string   `json:"plan_sha256"`
	Overrides  []string `json:"overrides"` // but the seed and the budget
	Target     string   `json:"target"`
	Tier       string   `json:"tier,omitempty"`
	Seed       uint64   `json:"seed"`
	Min        float64  `json:"min,omitempty"`
	Max        float64  `json:"max,omitempty"`
	Precision  float64  `json:"precision"`
	ConfirmS   float64  `json:"confirm_s"`
}

func (c *findCommand) precision() (float64, error) {
	share, err := shareFlag("--precision", c.Precision)
	if err != nil || share < 0.01 {
		return 0, usageError{fmt.Errorf("--precision %q is not a share from 1%% to under 100%%", c.Precision)}
	}
	return share, nil
}

// holdSearch makes the directory of a search and holds it: two processes with one
// search would each spend what it has left.
func holdSearch(dir string) (io.Closer, error) {
	if _, err := os.Stat(filepath.Join(dir, searchFile)); errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != store.LockFile }) {
			return nil, hinted{fmt.Errorf("directory %q: %w and is not empty", dir, fs.ErrExist), "choose another folder with --out"}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create search directory: %w", err)
	}
	lock, err := store.Lock(dir)
	if errors.Is(err, store.ErrLocked) {
		return nil, hinted{err, "wait for the tokenload find that is, or stop it, and go on with --resume; for a search of its own, choose another folder with --out"}
	}
	return lock, err
}

// record writes down what the search is about, or where the directory holds one
// already, checks that it is the same one.
func (c *findCommand) record(dir string, l loaded) (searchRecord, loaded, error) {
	precision, err := c.precision()
	if err != nil {
		return searchRecord{}, l, err
	}
	sum := sha256.Sum256(l.plan.Source)
	r := searchRecord{Version: searchVersion, PlanSHA256: hex.EncodeToString(sum[:]), Overrides: []string{}, Target: l.target.name(), Tier: c.Tier,
		Seed: l.plan.Seed, Min: c.Min, Max: c.Max, Precision: precision, ConfirmS: c.Confirm.Seconds()}
	for _, o := range l.overrides {
		if !strings.HasPrefix(o, "seed=") && !strings.HasPrefix(o, "budget.") {
			r.Overrides = append(r.Overrides, o)
		}
	}
	src, err := os.ReadFile(filepath.Join(dir, searchFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, l, r.write(dir)
	}
	if err != nil {
		return r, l, fmt.Errorf("read search: %w", err)
	}
	var old searchRecord
	if err := json.Unmarshal(src, &old); err != nil {
		return r, l, fmt.Errorf("read search %q: %w", filepath.Join(dir, searchFile), err)
	}
	old.Overrides = plan.Redacted(old.Overrides)
	if !l.plan.SeedGiven { // drawn, when the search began
		same := *l.plan
		same.Seed, r.Seed = old.Seed, old.Seed
		l.plan = &same
	}
	if why := r.differs(old); why != "" {
		return r, l, hinted{fmt.Errorf("%q holds another search: %s", dir, why), "choose another folder with --out, or give the same plan and flags as before"}
	}
	return old, l, nil
}

func (r searchRecord) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return store.WriteFile(dir, searchFile, append(b, '\n'))
}

// differs says in what another search is not this one; "" is that it is.
func (r searchRecord) differs(old searchRecord) string {
	switch {
	case old.Version != r.Version:
		return fmt.Sprintf("its version is %d; this tokenload goes on with %d", old.Version, r.Version)
	case old.PlanSHA256 != r.PlanSHA256:
		return "it is of another plan"
	case !slices.Equal(old.Overrides, r.Overrides):
		return "its overrides are " + orWord(strings.Join(old.Overrides, " "), "none")
	case old.Target != r.Target:
		return "its target is " + old.Target
	case old.Tier != r.Tier:
		return "its tier is " + orWord(old.Tier, "none")
	case old.Seed != r.Seed:
		return fmt.Sprintf("its seed is %d", old.Seed)
	case old.Min != r.Min || old.Max != r.Max:
		return fmt.Sprintf("it is from --min %g to --max %g", old.Min, old.Max)
	}
	return ""
}

func orWord(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// finished reports whether the search in a directory has come to its end: the
// answer beside it says so. A newer tokenload that would make other steps does not
// take up what is over.
func finished(dir string) bool {
	src, err := os.ReadFile(filepath.Join(dir, "find.json"))
	var old struct {
		Version int    `json:"version"`
		Stopped string `json:"stopped"`
	}
	return err == nil && json.Unmarshal(src, &old) == nil && old.Version == 1 && old.Stopped == ""
}

// stepFile is where a step is written down before it is made.
func (f *finder) stepFile(name string) string { return filepath.Join(f.dir, stepsDir, name+".json") }

// stepRecord is a step as it is written down. OwnPurse is that it had less than
// all the money that was left: where that ended it, the search goes on.
type stepRecord struct {
	capacity.Step
	OwnPurse bool `json:",omitempty"`
}

// announce writes down a step that is about to be made.
func (f *finder) announce(name string, s stepRecord) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Join(f.dir, stepsDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create steps: %w", err)
	}
	return store.WriteFile(dir, name+".json", append(b, '\n'))
}

// replay tells the search of the steps that are there already. A step that was cut
// short, by a kill, a signal, the budget or a spend cap, is not used: its money is
// spent. What stopped the search then may be over by now.
func (f *finder) replay() error {
	entries, err := os.ReadDir(filepath.Join(f.dir, stepsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read steps: %w", err)
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(stepNumber(a.Name()), stepNumber(b.Name())) })
	for _, entry := range entries {
		name, isStep := strings.CutSuffix(entry.Name(), ".json")
		number := stepNumber(name)
		if !isStep || number < 0 {
			continue
		}
		f.number = max(f.number, number)
		if err := f.replayStep(name); err != nil {
			return err
		}
	}
	if len(f.search.Steps()) > 0 && !finished(f.dir) {
		f.search.Again()
	}
	return nil
}

// stepNumber is the number that a step's name begins with; −1 is none.
func stepNumber(name string) int {
	digits, _, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

func (f *finder) replayStep(name string) error {
	src, err := os.ReadFile(f.stepFile(name))
	if err != nil {
		return fmt.Errorf("read step: %w", err)
	}
	var step stepRecord
	if err := json.Unmarshal(src, &step); err != nil {
		return fmt.Errorf("read step %q: %w", f.stepFile(name), err)
	}
	stored, err := store.Open(filepath.Join(f.dir, stepsDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		f.lost++
		return nil // killed before its first request
	}
	if err != nil {
		return err
	}
	usable, err := f.usable(step, stored)
	if err != nil {
		return err
	}
	if usable {
		return f.took(step, stored)
	}
	f.lost++
	cost, err := f.halfCost(stored)
	f.spent += cost
	return err
}

// usable reports whether a step of before shows what it was made for. A warm-up
// that nobody answered, and a step that met the account's spend cap, are made once
// more: the target may be there by now, and the cap be raised.
func (f *finder) usable(step stepRecord, stored *store.Run) (bool, error) {
	cause := stored.Manifest.Stop.Cause
	if cause != "completed" && cause != "decided" && !(cause == "budget" && step.OwnPurse) {
		return false, nil
	}
	answered := step.Kind != capacity.WarmUp
	for r, err := range stored.Results() {
		if err != nil || r.LimitedBy == call.LimitSpend {
			return false, err
		}
		answered = answered || r.Class == call.OK
	}
	return answered, nil
}

// halfCost is what a step that was cut short may have cost at the most: what its
// record shows, and of one that was killed or failed itself, the worst case of every request that
// may have been sent and left no record.
func (f *finder) halfCost(stored *store.Run) (call.USD, error) {
	m := stored.Manifest
	calls, cost, err := f.calls(stored)
	if err != nil || m.Ended != nil && m.Stop.Cause != "error" {
		return cost, err
	}
	recorded := cost
	if m.Load.Mode != "arrivals" && m.BudgetUSD != nil {
		return max(recorded, *m.BudgetUSD), nil // nobody has counted what its users began
	}
	mix, err := workload.New(m.Seed, f.plan.Tasks, nil)
	if err != nil {
		return cost, err
	}
	seen := map[int]bool{}
	for i := range calls {
		seen[calls[i].Index] = true
	}
	for i := range m.Load.Planned {
		if !seen[i] {
			cost += f.raised(f.plan.Catalog.Bound(mix.Request(i)))
		}
	}
	if m.BudgetUSD != nil {
		cost = max(recorded, min(cost, *m.BudgetUSD))
	}
	return cost, nil
}
