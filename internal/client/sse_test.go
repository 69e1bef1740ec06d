package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frame is one event as a parser yields it.
type frame struct{ Name, Data string }

// parse feeds a stream to the parser in pieces of these sizes, over and over.
func parse(stream []byte, most int, sizes ...int) ([]frame, error) {
	var p sse
	p.reset(most)
	var frames []frame
	for i := 0; len(stream) > 0; i++ {
		room, err := p.space()
		if err != nil {
			return frames, err
		}
		n := copy(room[:min(len(room), max(1, sizes[i%len(sizes)]))], stream)
		stream = stream[n:]
		p.took(n)
		for name, data, ok := p.next(); ok; name, data, ok = p.next() {
			frames = append(frames, frame{string(name), string(data)})
		}
	}
	return frames, nil
}

// parseSlowly is the specification read aloud: whole lines, no state across reads.
func parseSlowly(stream []byte) []frame {
	s := strings.TrimPrefix(string(stream), "\ufeff")
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
	var frames []frame
	var name string
	var data []string
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			if joined := strings.Join(data, "\n"); joined != "" {
				frames = append(frames, frame{name, joined})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value[:min(len(value), 24)]
		case "data":
			data = append(data, value)
		}
	}
	return frames
}

func TestSSE(t *testing.T) {
	for name, tt := range map[string]struct {
		stream string
		want   []frame
	}{
		"plain":              {"event: a\ndata: 1\n\n", []frame{{"a", "1"}}},
		"no space":           {"event:a\ndata:1\n\n", []frame{{"a", "1"}}},
		"one space goes":     {"data:  1 \n\n", []frame{{"", " 1 "}}},
		"crlf":               {"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", []frame{{"a", "1"}, {"", "2"}}},
		"lone cr":            {"event: a\rdata: 1\r\rdata: 2\r\r", []frame{{"a", "1"}, {"", "2"}}},
		"mixed ends":         {"event: a\r\ndata: 1\n\rdata: 2\r\r\n", []frame{{"a", "1"}, {"", "2"}}},
		"several data lines": {"data: 1\nevent: name\ndata: 22\ndata:\ndata: 333\n\n", []frame{{"name", "1\n22\n\n333"}}},
		"comments":           {": hi\n: there\n\ndata: 1\n: in between\n\n:\n\n", []frame{{"", "1"}}},
		"other fields":       {"id: 7\nretry: 5\nx\ndata: 1\nid\n\n", []frame{{"", "1"}}},
		"data without colon": {"data\ndata: 1\n\n", []frame{{"", "\n1"}}},
		"no data":            {"event: a\n\ndata:\n\ndata: 1\n\n", []frame{{"", "1"}}},
		"byte order mark":    {"\ufeffdata: 1\n\n", []frame{{"", "1"}}},
		"mark once":          {"\ufeff\ufeffdata: 1\n\ndata: 2\n\n", []frame{{"", "2"}}},
		"mark later":         {"data: 1\n\n\ufeffdata: 2\n\ndata: 3\n\n", []frame{{"", "1"}, {"", "3"}}},
		"mark alone":         {"\ufeff\ndata: 2\n\n", []frame{{"", "2"}}},
		"unfinished":         {"data: 1\n\ndata: 2\n", []frame{{"", "1"}}},
		"many blanks":        {"\n\n\n\ndata: 1\n\n\n\n\n", []frame{{"", "1"}}},
		"long name":          {"event: " + strings.Repeat("n", 40) + "\ndata: 1\n\n", []frame{{strings.Repeat("n", 24), "1"}}},
		"name is not kept":   {"event: a\n\ndata: 1\n\n", []frame{{"", "1"}}},
	} {
		for size := range 40 {
			got, err := parse([]byte(tt.stream), 1<<20, size+1)
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Fatalf("%s, in pieces of %d: %v (-want +got):\n%s", name, size+1, err, d)
			}
		}
		if d := cmp.Diff(tt.want, parseSlowly([]byte(tt.stream))); d != "" {
			t.Errorf("%s: the slow parser (-want +got):\n%s", name, d)
		}
	}
}

// TestSSECap: an event may take exactly so many bytes, and comments count for nothing.
func TestSSECap(t *testing.T) {
	const most = 6000
	fits := "data: " + strings.Repeat("x", most-8) + "\n\n"
	for name, tt := range map[string]struct {
		stream string
		ok     bool
	}{
		"fits":                   {fits, true},
		"several that fit":       {fits + fits + fits, true},
		"one byte over":          {"data: x" + strings.TrimPrefix(fits, "data: "), false},
		"after one that fits":    {fits + "data: x" + strings.TrimPrefix(fits, "data: "), false},
		"a line without end":     {strings.Repeat("x", most+1), false},
		"many lines":             {strings.Repeat("data: x\n", most/8+1), false},
		"many comments":          {strings.Repeat(": x\n", most) + "data: 1\n\n", true},
		"a comment without end":  {": " + strings.Repeat("x", most), false},
		"many fields nobody has": {strings.Repeat("id: x\n", most) + "data: 1\n\n", true},
	} {
		for _, size := range []int{1, 100, 5000, 32 << 10} {
			if _, err := parse([]byte(tt.stream), most, size); (err == nil) != tt.ok {
				t.Errorf("%s, in pieces of %d: %v; want ok %v", name, size, err, tt.ok)
			}
		}
	}
	for n := range 6 {
		stream := "data: " + strings.Repeat("x", 90+n) + "\n\n"
		if _, err := parse([]byte(stream), 100, 1<<20); (err == nil) != (len(stream) <= 100) {
			t.Errorf("an event of %d bytes under a cap of 100: %v", len(stream), err)
		}
	}
	var p sse
	p.reset(1 << 20)
	if _, err := p.space(); err != nil || len(p.buf) != firstBuffer {
		t.Errorf("a new stream has a buffer of %d (%v); want %d", len(p.buf), err, firstBuffer)
	}
}

// TestSSEMoves: long streams of events of many lines, cut anywhere, so that unfinished events move in the buffer.
func TestSSEMoves(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	ends := []string{"\n", "\r\n", "\r"}
	for range 50 {
		var b strings.Builder
		for range 200 {
			end := ends[rng.IntN(3)]
			for line := range rng.IntN(6) {
				fmt.Fprintf(&b, "data: %d %s%s", line, strings.Repeat("x", rng.IntN(300)), end)
			}
			fmt.Fprintf(&b, "event: %d%s: comment%s%s", rng.IntN(9), end, end, end)
		}
		stream := []byte(b.String())
		sizes := []int{1 + rng.IntN(2000), 1 + rng.IntN(100), 1 + rng.IntN(6000)}
		got, err := parse(stream, 1<<20, sizes...)
		if want := parseSlowly(stream); err != nil || !slices.Equal(got, want) {
			t.Fatalf("pieces %v: %v, %d events; want %d, the same as by the slow parser", sizes, err, len(got), len(want))
		}
	}
}

// FuzzSSE: the same events however the bytes are cut, and those of the slow parser.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("event: a\r\ndata: 1\r\n\r\n"), uint8(1), uint8(7))
	f.Add([]byte("\xef\xbb\xbfdata: {\"a\":1}\rdata\r\r\n: c\n\n"), uint8(3), uint8(2))
	f.Add([]byte(evStart+evPing+evText+evEnd+evStop), uint8(200), uint8(13))
	f.Add([]byte("data:a\nevent:b\ndata:c\n\n\rdata: d\n\r"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, a, b uint8) {
		want := parseSlowly(stream)
		for _, sizes := range [][]int{{1 << 20}, {1}, {int(a), int(b)}} {
			got, err := parse(stream, 1<<20, sizes...)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("pieces %v of %q: %v\n got %q\nwant %q", sizes, stream, err, got, want)
			}
		}
		for _, e := range want {
			checkOutline(t, []byte(e.Data))
		}
	})
}

// outlineSlowly reads an event by encoding/json alone, values and not bytes.
func outlineSlowly(data []byte) (kind, delta, text, thinking, partial string, ok bool) {
	var event map[string]any
	if json.Unmarshal(data, &event) != nil || event == nil {
		return "", "", "", "", "", false
	}
	d, _ := event["delta"].(map[string]any)
	return str(event["type"]), str(d["type"]), str(d["text"]), str(d["thinking"]), str(d["partial_json"]), true
}

// valid replaces bytes that are not UTF-8, as decoding does.
func valid(b []byte) string { return string([]rune(string(b))) }

func checkOutline(t *testing.T, data []byte) {
	t.Helper()
	before := bytes.Clone(data)
	o, ok := outlineOf(data)
	kind, delta, text, thinking, partial, want := outlineSlowly(data)
	got := fmt.Sprintf("%q %q %q %q %q %v", valid(o.kind), valid(o.delta), unquote(o.text), unquote(o.thinking), unquote(o.partial), ok)
	if exp := fmt.Sprintf("%q %q %q %q %q %v", kind, delta, text, thinking, partial, want); got != exp {
		t.Fatalf("outline of %q:\n got %s\nwant %s", data, got, exp)
	}
	if !bytes.Equal(before, data) {
		t.Fatalf("outline changed %q to %q", before, data)
	}
}

var outlines = []string{
	`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`,
	` { "delta" : { "text" : "a\"b\\" , "type" : "text_delta" } , "index" : 12 , "type" : "content_block_delta" } `,
	"{\n\t\"type\":\r\n\"ping\"\n}\n",
	`{"type":"x","delta":{"type":"input_json_delta","partial_json":"{\"a\":\"\\u00e9\"}"}}`,
	`{"type":"a","type":"b"}`, `{"type":"a","type":1}`, `{"type":1,"type":"a"}`,
	`{"delta":{"text":"1"},"delta":{"type":"2"}}`, `{"delta":{"text":"1"},"delta":null}`, `{"delta":{"text":"1","text":"2"}}`,
	`{"\u0074ype":"a"}`, `{"type":"p\u0069ng"}`, `{"t\\ype":"a"}`, `{"type":"\ud83d\ude00","delta":{"text":"\ud83d"}}`,
	`{"x":[1,-2.5e3,true,false,null,[],{},[[{"a":[]}]]],"type":"a"}`, `{"x":01}`, `{"x":-}`, `{"x":tru}`, `{"x":"\x"}`,
	`{"x":"\u12g4"}`, `{"x":"\u12"}`, `{"x":"` + "\x01" + `"}`, `{"x":"\` + "\x01" + `"}`, `{"x":"é` + "\xff" + `"}`, "{\"type\":\"a\xff\"}",
	`{"type":"a"`, `{"type":"a"}}`, `{"type":"a",}`, `{,}`, `{}`, ``, ` `, `null`, `[]`, `"a"`, `7`, `{"a"}`, `{"a":}`, `{"a":1 "b":2}`, `{"a":[1,]}`,
	`{"type":"a"} x`, "{\"type\":\"a\"}\x00", "\x00{}", `{"Type":"a","DELTA":{"TEXT":"b"}}`, `{"delta":{"type":null,"text":5}}`,
	`{"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `,"type":"deep"}`, `{"x":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 40) + `}`,
	strings.Repeat("[", 20000), `{"a":"\`, `{"a":"`, `{"delta":{"text":"\`,
}

func TestOutline(t *testing.T) {
	for _, s := range outlines {
		checkOutline(t, []byte(s))
	}
}

// FuzzOutline: the scanner and encoding/json agree on every input.
func FuzzOutline(f *testing.F) {
	for _, s := range outlines {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkOutline(t, data) })
}

// TestScannerSuffices: the shapes that come by the thousand never take the slow way.
func TestScannerSuffices(t *testing.T) {
	for _, s := range []string{
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\n\"b\" \u00e9 é"}}`,
		`{"delta":{"thinking":"a","estimated_tokens":3,"type":"thinking_delta"},"index":10,"type":"content_block_delta"}`,
		` { "type" : "content_block_delta" , "delta" : { "partial_json" : "" , "type" : "input_json_delta" } , "x" : [ null , true , { } ] } `,
		`{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"Epw/+=="}}`,
		`{"type":"ping"}`,
	} {
		sc := scanner{b: []byte(s)}
		if _, ok := sc.event(); !ok {
			t.Errorf("the scanner gives up on %s", s)
		}
	}
}
