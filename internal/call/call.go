// Package call is one API call as data: what was asked ([Request]) and what
// happened ([Result]). These two types cross the whole program; everything
// that runs before the client builds Requests, everything after it reads
// Results. The package does no I/O, keeps no state and knows no clock.
package call

import (
	"context"
	"time"
)

// Class says how an attempt ended. The values are those of the run log.
type Class string

// The classes of an attempt. Dropped and OverBudget were never sent.
const (
	OK          Class = "ok"
	Dropped     Class = "dropped"      // no free slot, or held longer than max_hold
	OverBudget  Class = "over_budget"  // its worst case did not fit the budget
	RateLimited Class = "rate_limited" // 429; see Result.LimitedBy
	Overloaded  Class = "overloaded"   // 529
	ServerError Class = "server_error" // other 5xx, 504 included
	ClientError Class = "client_error" // other 4xx
	Auth        Class = "auth"         // 401, 403
	Timeout     Class = "timeout"      // connect or whole request
	Stalled     Class = "stalled"      // no byte for stall_timeout
	Connection  Class = "connection"   // failed before any answer
	Cut         Class = "cut"          // the stream ended without its last event
	StreamError Class = "stream_error" // an error event inside a 200
	BadResponse Class = "bad_response" // an answer that is not the API's
	Refused     Class = "refused"      // stop reason "refusal"
	Canceled    Class = "canceled"     // we stopped it
)

// Classes lists every class in the order reports show them.
func Classes() []Class {
	return []Class{OK, RateLimited, Overloaded, ServerError, ClientError, Auth, Timeout, Stalled,
		Connection, Cut, StreamError, BadResponse, Refused, Canceled, Dropped, OverBudget}
}

// Sent reports whether an attempt of this class was given to the client at all.
func (c Class) Sent() bool { return c != Dropped && c != OverBudget }

// Phase says what part of the run a request belongs to.
type Phase string

// The phases. Only Main counts in metrics and verdict; all of them cost money.
const (
	WarmUp     Phase = "warm_up"
	Main       Phase = "main"
	BudgetTail Phase = "budget_tail" // after the first request that the budget refused
)

// LimitKind names the limit that a 429 came from; "" is none and reads as null in JSON.
type LimitKind string

// The kinds of limit behind a 429.
const (
	LimitRequests     LimitKind = "requests"
	LimitInputTokens  LimitKind = "input_tokens"
	LimitOutputTokens LimitKind = "output_tokens"
	LimitTokens       LimitKind = "tokens"
	LimitRamp         LimitKind = "ramp"  // usage grew too fast
	LimitSpend        LimitKind = "spend" // a spend cap: never retried
	LimitUnknown      LimitKind = "unknown"
)

// Capacity of Priority Tier: limits that have headers and are behind no 429.
const (
	LimitPriorityInputTokens  LimitKind = "priority_input_tokens"
	LimitPriorityOutputTokens LimitKind = "priority_output_tokens"
)

// Request is one call to make. Body holds exactly the bytes that are sent, so
// that a bound on its tokens can be proven from its length.
type Request struct {
	Index   int // place in the run, from 0; attempts of one request share it
	Attempt int // from 1; 0 is read as 1
	Task    string
	Model   string
	Stage   string // "" without stages
	Phase   Phase  // "" is read as Main

	MaxTokens int    // most output tokens the request allows
	Stream    bool   // the body asks for a stream
	KeepText  bool   // the answer's text is wanted for a check; it is kept in memory only
	Body      []byte // JSON, as sent

	// What the body's length does not bound, for the price of the worst case.
	ExtraTokens int    // input tokens to add to the bound (tools, images)
	Speed       string // the body's "speed"; "" is standard
	Geo         string // the body's "inference_geo"; "" is the account's default
	CacheTTL    string // dearest cache write the body asks for: "", "5m" or "1h"
	Cold        bool   // its cached prefix is like no other's, so that it must miss

	Due     time.Duration // when it should leave, as an offset from the run's start
	Held    time.Duration // how long we have held it on purpose so far
	Earlier time.Duration // time spent in earlier attempts of this request
}

// Result returns the record of this request with class c and nothing else filled in.
func (r Request) Result(c Class) Result {
	return Result{
		Index: r.Index, Attempt: max(r.Attempt, 1), Task: r.Task, Model: r.Model, Stage: r.Stage,
		Phase: cmpOr(r.Phase, Main), Cold: r.Cold, Class: c, Due: r.Due, Held: r.Held, Earlier: r.Earlier,
	}
}

func cmpOr(p, or Phase) Phase {
	if p == "" {
		return or
	}
	return p
}

// Sender makes one call. It emits one Result for each attempt, the last of them
// last, and returns when no more will come. Wrappers around a Sender may hold,
// retry or refuse. Emit may be called from any goroutine.
type Sender func(ctx context.Context, req Request, emit func(Result))
