package main

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"slices"
	"time"
)

// truth is what the server knows of one request; see bench/server. Instants are
// nanoseconds since 1970.
type truth struct {
	ID          string `json:"id"`
	ClientID    string `json:"client_id"` // what the tool called it; empty where it did not
	Arrived     int64  `json:"arrived"`
	FirstBefore int64  `json:"first_before"`
	FirstAfter  int64  `json:"first_after"`
	LastAfter   int64  `json:"last_after"`
	Events      int    `json:"events"`
	Whole       bool   `json:"whole"`
}

func readTruth(path string) ([]truth, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []truth
	dec := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for dec.More() {
		var t truth
		if err := dec.Decode(&t); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// window is the part of a run that counts.
type window struct{ from, to int64 }

func (w window) seconds() float64 { return float64(w.to-w.from) / 1e9 }

// windowOf ends when the last request arrived: whatever a tool does before its
// load and after it, there the load is on.
func windowOf(all []truth, measured time.Duration) window {
	var w window
	for _, t := range all {
		w.to = max(w.to, t.Arrived)
	}
	w.from = w.to - measured.Nanoseconds()
	return w
}

// open is the mean number of requests under way.
func (w window) open(all []truth) float64 {
	var sum int64
	for _, t := range all {
		sum += max(0, min(t.LastAfter, w.to)-max(t.Arrived, w.from))
	}
	return float64(sum) / float64(w.to-w.from)
}

// events is how many content events were written: those of a stream are taken
// as evenly spaced.
func (w window) events(all []truth) float64 {
	n := 0.0
	for _, t := range all {
		inside := max(0, min(t.LastAfter, w.to)-max(t.FirstAfter, w.from))
		switch {
		case t.Events > 1 && t.LastAfter > t.FirstAfter:
			n += float64(t.Events-1) * float64(inside) / float64(t.LastAfter-t.FirstAfter)
		case t.Events == 1 && t.FirstAfter >= w.from && t.FirstAfter < w.to:
			n++
		}
	}
	return n
}

// wrong is how far a reported TTFT lies from the true one, which is known to be
// between two instants: 0 within them, in milliseconds outside.
func (t truth) wrong(ttft time.Duration) float64 {
	least, most := t.FirstBefore-t.Arrived, t.FirstAfter-t.Arrived
	switch got := ttft.Nanoseconds(); {
	case got < least:
		return float64(got-least) / 1e6
	case got > most:
		return float64(got-most) / 1e6
	}
	return 0
}

// late is how much later than asked the server wrote the first content, in
// milliseconds: the machine's doing, and in every tool's true TTFT alike.
func (t truth) late(asked time.Duration) float64 {
	return float64(t.FirstBefore-t.Arrived-asked.Nanoseconds()) / 1e6
}

// percentile is the nearest rank; NaN of nothing.
func percentile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}
