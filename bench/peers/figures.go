package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// figures are those of one run, or the medians of several. Times are in
// milliseconds; what the run did not show is null.
type figures struct {
	Tool    string `json:"tool"`
	Version string `json:"version"`
	Streams int    `json:"streams"` // asked, at once; 0: so many a second
	Rate    int    `json:"rate"`    // asked, requests a second; 0: so many at once

	Samples    int      `json:"samples"`     // requests in the window with a report and a truth
	Failed     int      `json:"failed"`      // requests in the window whose stream did not reach its end
	Unreported int      `json:"unreported"`  // whole ones that the tool says nothing of
	TrueP50    *float64 `json:"true_p50"`    // true TTFT
	TrueP99    *float64 `json:"true_p99"`    //
	SaidP50    *float64 `json:"said_p50"`    // reported TTFT
	SaidP99    *float64 `json:"said_p99"`    //
	WrongP50   *float64 `json:"wrong_p50"`   // their difference, request by request, without its sign
	WrongP99   *float64 `json:"wrong_p99"`   //
	ServerLate *float64 `json:"server_late"` // p99: what of the true TTFT was the server's lateness
	Known      *float64 `json:"known"`       // p99: how far apart the bounds of the true TTFT are

	Open       float64  `json:"open"`        // streams under way, mean
	Starts     float64  `json:"starts"`      // requests a second
	Events     float64  `json:"events"`      // a second
	AskedRate  float64  `json:"asked_rate"`  // events a second if so many streams as asked were always open
	PerCPU     *float64 `json:"per_cpu"`     // events per CPU-second of the tool
	Cores      float64  `json:"cores"`       // of the tool
	ServerCore float64  `json:"server_core"` // of the server
	Busy       float64  `json:"busy"`        // of the machine: cores, everybody's
	PeakMiB    float64  `json:"peak_mib"`    // of the tool

	NotValid bool   `json:"not_valid,omitempty"` // says the tool itself
	Why      string `json:"why,omitempty"`       // in its words
	Failure  string `json:"failure,omitempty"`
}

// leastP99 is how many samples a p99 needs for a two-sided 95 % interval.
const leastP99 = 368

// leastCPU is how many CPU-seconds are enough to divide by: /proc counts them in
// hundredths.
const leastCPU = 0.2

// figure holds what the tool reported against what the server knows.
func figure(j job, all []truth, reports []reported) figures {
	w := windowOf(all, j.measured)
	said := map[string]reported{}
	for _, r := range reports {
		said[r.id] = r
	}
	var f figures
	var trues, saids, wrongs, late, known []float64
	for _, t := range all {
		if t.Arrived < w.from || t.Arrived >= w.to {
			continue
		}
		late = append(late, t.late(j.ttft))
		known = append(known, float64(t.FirstAfter-t.FirstBefore)/1e6)
		r, ok := said[t.ID]
		if !ok {
			r, ok = said[t.ClientID]
		}
		switch {
		case ok:
			trues = append(trues, float64(t.FirstBefore-t.Arrived)/1e6)
			saids = append(saids, float64(r.ttft)/1e6)
			wrongs = append(wrongs, math.Abs(t.wrong(r.ttft)))
		case t.Whole:
			f.Unreported++
		case t.LastAfter < w.to:
			f.Failed++
		}
	}
	f.Samples = len(wrongs)
	f.TrueP50, f.TrueP99 = halfAndTail(trues)
	f.SaidP50, f.SaidP99 = halfAndTail(saids)
	f.WrongP50, f.WrongP99 = halfAndTail(wrongs)
	_, f.ServerLate = halfAndTail(late)
	_, f.Known = halfAndTail(known)
	f.Starts = float64(len(late)) / w.seconds()
	f.delivered(j, all, w)
	return f
}

// delivered adds what was under way in the window, beside what was asked.
func (f *figures) delivered(j job, all []truth, w window) {
	f.Open = w.open(all)
	f.Events = w.events(all) / w.seconds()
	f.AskedRate = float64(j.rate*j.events) + float64(j.streams*j.events)/j.stream().Seconds()
}

// usage adds what the tool, the server and the machine used in the window.
func (f *figures) usage(tool, server *watched, w window) {
	cpu, busy := between(tool.samples, w)
	f.Cores, f.Busy = cpu/w.seconds(), busy/w.seconds()
	if cpu >= leastCPU {
		v := f.Events * w.seconds() / cpu
		f.PerCPU = &v
	}
	serverCPU, _ := between(server.samples, w)
	f.ServerCore = serverCPU / w.seconds()
	f.PeakMiB = tool.peakMiB
}

// halfAndTail are the median and the p99, as far as there are enough values.
func halfAndTail(values []float64) (p50, p99 *float64) {
	if len(values) > 0 {
		v := percentile(values, 0.5)
		p50 = &v
	}
	if len(values) >= leastP99 {
		v := percentile(values, 0.99)
		p99 = &v
	}
	return p50, p99
}

// broke says why a run counts as broken, by rules that are the same for every
// tool; empty for a run that held.
func (f figures) broke() string {
	all := f.Samples + f.Failed + f.Unreported
	switch {
	case f.Failure != "":
		return f.Failure
	case f.NotValid:
		return "says itself that the run is not valid"
	case f.Samples == 0:
		return "nothing reported"
	case f.Starts < 0.95*float64(f.Rate):
		return fmt.Sprintf("%.0f of %d requests/s", f.Starts, f.Rate)
	case f.Open < 0.95*float64(f.Streams):
		return fmt.Sprintf("%.0f of %d streams open", f.Open, f.Streams)
	case f.Failed*100 > all:
		return fmt.Sprintf("%d of %d streams failed", f.Failed, all)
	case f.Unreported*100 > all:
		return fmt.Sprintf("%d of %d streams not reported", f.Unreported, all)
	case *f.WrongP50 > 0.1**f.TrueP50:
		return fmt.Sprintf("median TTFT off by %.0f %%", 100**f.WrongP50 / *f.TrueP50)
	}
	return ""
}

func (f figures) String() string {
	broke := f.broke()
	if broke != "" {
		broke = "; BROKE: " + cmp.Or(f.Why, broke)
	}
	at := fmt.Sprint(f.Streams)
	if f.Rate > 0 {
		at = fmt.Sprintf("%d/s (%.1f/s)", f.Rate, f.Starts)
	}
	return fmt.Sprintf("%s at %s: %d samples, TTFT off by p50 %s, p99 %s ms; %.1f open, %.0f of %.0f events/s, %s per CPU-second, %.1f MiB; cores: tool %.2f, server %.2f, all %.2f%s",
		f.Tool, at, f.Samples, number(f.WrongP50), number(f.WrongP99), f.Open, f.Events, f.AskedRate, whole(f.PerCPU), f.PeakMiB, f.Cores, f.ServerCore, f.Busy, broke)
}

// save adds the run to those of the same tool.
func (f figures) save(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, f.Tool+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	return json.NewEncoder(file).Encode(f)
}
