package client

import (
	"bytes"
	"errors"
)

// errTooBig is an event over Config.MaxEvent.
var errTooBig = errors.New("event too big")

const (
	firstBuffer = 4 << 10  // of a stream
	mostRead    = 32 << 10 // at once
)

// sse cuts a stream of server-sent events into events (WHATWG HTML, 9.2.6).
// Bytes are read into space, announced by took, and next yields each event that
// they complete, without allocating: an event is a part of the buffer.
//
//	buf: … done | start: unfinished event … line: unfinished line … scan … end | space
//
// Several data lines are joined in place, which always fits: the field's name
// and the line's end are longer than the one line feed between.
type sse struct {
	buf    []byte
	most   int      // bytes that one event may take
	start  int      // of the unfinished event
	line   int      // of the unfinished line
	scan   int      // no line end between line and here
	end    int      // of what was read
	data   int      // where the event's data begins
	dataTo int      // and ends
	has    bool     // it has data at all
	name   [24]byte // event field, cut
	named  int
	begun  bool // the first line is over, and with it the byte order mark
	skipLF bool // the last line ended in \r: a \n that follows belongs to it
}

// reset makes the parser ready for a stream, keeping its buffer.
func (p *sse) reset(most int) { *p = sse{buf: p.buf, most: most} }

// space returns room for the next read. What next returned is no longer valid.
func (p *sse) space() ([]byte, error) {
	if p.end-p.start >= p.most {
		return nil, errTooBig
	}
	if p.start == p.end || p.end == len(p.buf) && p.start > 0 {
		p.compact()
	}
	if p.end == len(p.buf) {
		size := min(max(firstBuffer, 2*len(p.buf)), max(p.most, firstBuffer))
		p.buf = append(make([]byte, 0, size), p.buf[:p.end]...)[:size]
	}
	room := min(len(p.buf)-p.end, mostRead, p.most-(p.end-p.start))
	return p.buf[p.end : p.end+room], nil
}

// compact moves the unfinished event to the front of the buffer.
func (p *sse) compact() {
	by := p.start
	if by == 0 {
		return
	}
	copy(p.buf, p.buf[by:p.end])
	p.start, p.line, p.scan, p.end = 0, p.line-by, p.scan-by, p.end-by
	p.data, p.dataTo = p.data-by, p.dataTo-by
}

// took says that n bytes were read into space.
func (p *sse) took(n int) { p.end += n }

// endsWithDone completes the event at the stream's end if it is [DONE] and
// lacks nothing but its blank line, which some servers leave out.
func (p *sse) endsWithDone() bool {
	if !bytes.Equal(bytes.TrimRight(p.buf[p.start:p.end], "\r\n"), []byte("data: [DONE]")) {
		return false
	}
	for range 2 {
		room, err := p.space()
		if err != nil || len(room) == 0 {
			return false
		}
		room[0] = '\n'
		p.took(1)
	}
	return true
}

// next returns the next complete event that has data.
func (p *sse) next() (name, data []byte, ok bool) {
	for p.cut() {
		line := p.buf[p.line:p.scan]
		ends := len(line) == 0
		if !ends {
			p.field(line)
		}
		p.advance()
		if !ends {
			if !p.has && p.named == 0 {
				p.start = p.line // a comment, an unknown field: nothing to keep
			}
			continue
		}
		if p.has {
			name, data = p.name[:p.named], p.buf[p.data:p.dataTo]
		}
		p.start, p.has, p.named = p.line, false, 0
		if len(data) > 0 {
			return name, data, true
		}
	}
	return nil, nil, false
}

// cut finds the end of the line that begins at p.line and leaves it in p.scan.
func (p *sse) cut() bool {
	if p.skipLF && p.line < p.end {
		p.skipLF = false
		if p.buf[p.line] == '\n' {
			p.line++
			p.scan = p.line
			if !p.has && p.named == 0 {
				p.start = p.line
			}
		}
	}
	rest := p.buf[p.scan:p.end]
	lf := bytes.IndexByte(rest, '\n')
	if lf >= 0 {
		rest = rest[:lf]
	}
	if cr := bytes.IndexByte(rest, '\r'); cr >= 0 {
		p.scan += cr
		return true
	}
	p.scan += len(rest)
	return lf >= 0
}

// advance goes beyond the line end at p.scan.
func (p *sse) advance() {
	p.skipLF = p.buf[p.scan] == '\r'
	p.scan++
	p.line = p.scan
	p.begun = true
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// field takes in one line that is not blank.
func (p *sse) field(line []byte) {
	if !p.begun {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	name, value := line, line[len(line):]
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], line[colon+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "event":
		p.named = copy(p.name[:], value)
	case "data":
		p.join(value)
	}
}

// join adds a data line. Value is a part of the buffer that ends at p.scan.
func (p *sse) join(value []byte) {
	from := p.scan - len(value)
	if !p.has {
		p.data, p.dataTo, p.has = from, p.scan, true
		return
	}
	p.buf[p.dataTo] = '\n'
	p.dataTo += 1 + copy(p.buf[p.dataTo+1:], value)
}
