package limit

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestParseRates(t *testing.T) {
	got, err := ParseRates([]byte(`{"version":1,"limits":[
		{"class":"haiku-4.5","models":["claude-haiku-4-5"],"requests":{"limit":50,"min_remaining":3,"rate_limited":1},"tokens":null,"input_tokens":{"limit":null},"output_tokens":10000,"binding":"requests"},
		{"class":"opus-5","requests":null,"input_tokens":{"limit":2e6}},
		{"class":"workspace","input_tokens":1000,"output_tokens":200,"tokens":{"limit":1199}},
		{"class":"sum","input_tokens":1000,"output_tokens":200,"tokens":{"limit":1200}},
		{"class":"chat","requests":{"limit":500},"tokens":{"limit":30000}},
		{"class":"said nothing"}]}`))
	want := map[string]Rates{"haiku-4.5": {Requests: 50, OutputTokens: 10_000}, "opus-5": {InputTokens: 2_000_000},
		"workspace": {InputTokens: 1000, OutputTokens: 200, Tokens: 1199}, "sum": {InputTokens: 1000, OutputTokens: 200}, "chat": {Requests: 500, Tokens: 30_000}}
	if diff := gocmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for src, wants := range map[string]string{
		`limits: [1]`:                  "not JSON with a list of limits",
		`[]`:                           "not JSON with a list of limits",
		`{}`:                           "no limit is in it",
		`{"limits":[{"requests":50}]}`: "limits[0] names no class",
		`{"limits":[{"class":"a","requests":-1}]}`:                       "limit -1 is not a whole number",
		`{"limits":[{"class":"a","requests":1.5}]}`:                      "limit 1.5 is not a whole number",
		`{"limits":[{"class":"a","requests":"50"}]}`:                     "not JSON with a list of limits",
		`{"limits":[{"class":"a","requests":1},{"class":"a"}]}`:          `class "a" stands there twice`,
		`{"limits":[{"class":"a","requests":{"limit":1e30}}]}`:           "is not a whole number",
		`{"limits":[{"requests":1},{"class":"b","input_tokens":[1,2]}]}`: "not JSON with a list of limits",
	} {
		if got, err := ParseRates([]byte(src)); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("ParseRates(%s) = %v, %v; want an error with %q", src, got, err, wants)
		}
	}
}

func FuzzParseRates(f *testing.F) {
	f.Add([]byte(`{"limits":[{"class":"a","requests":{"limit":1}}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		all, err := ParseRates(src)
		for class, r := range all {
			if err != nil || class == "" || min(r.Requests, r.InputTokens, r.OutputTokens, r.Tokens) < 0 {
				t.Errorf("%q: %+v, %v", class, r, err)
			}
		}
	})
}
