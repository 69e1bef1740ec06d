package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"time"
)

const (
	maxBreakpoints = 4
	lookBack       = 20     // positions per breakpoint, itself included
	maxEntries     = 65_536 // beyond, the cache forgets what expires first
)

// placeBreakpoints checks the breakpoints of a body and adds the automatic one.
func (req *request) placeBreakpoints() *apiError {
	n, last := 0, -1
	fiveSeen := false
	for i, b := range req.blocks {
		if b.eligible {
			last = i
		}
		if b.ttl == 0 {
			continue
		}
		n++
		if b.ttl == time.Hour && fiveSeen {
			return invalid("cache_control: a block with ttl '1h' must not come after one with ttl '5m'")
		}
		fiveSeen = fiveSeen || b.ttl == 5*time.Minute
	}
	if n > maxBreakpoints {
		return invalid("A maximum of %d blocks with cache_control may be provided. Found %d.", maxBreakpoints, n)
	}
	if req.autoCache == 0 || last < 0 {
		return nil
	}
	b := &req.blocks[last]
	switch {
	case b.ttl == req.autoCache:
		return nil
	case b.ttl != 0:
		return invalid("cache_control: the last block already has another ttl")
	case n == maxBreakpoints:
		return invalid("cache_control: %d blocks already have a cache_control", n)
	case req.autoCache == time.Hour && fiveSeen:
		return invalid("cache_control: a block with ttl '1h' must not come after one with ttl '5m'")
	}
	b.ttl = req.autoCache
	return nil
}

// seal computes the digest and the tokens of every prefix, and the digest that
// keys the draws.
func (req *request) seal() {
	h := sha256.New()
	h.Write([]byte(req.model.id + "\x00standard\x00"))
	marks := req.marks()
	sum := amount{}
	var prev digest
	for i := range req.blocks {
		b := &req.blocks[i]
		h.Write(b.payload)
		h.Sum(prev[:0])
		b.payload = nil
		sum = sum.plus(b.size)
		b.chain, b.upTo, b.mark = prev, sum.tokens(req.model), marks[req.level(i)]
		h.Reset()
		h.Write(prev[:])
	}
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(req.maxTokens))
	h.Write(n[:])
	h.Sum(req.digest[:0])
}

// The levels of a prompt. What is changed in one leaves what was cached of those
// before it as it is.
const (
	levelTools = iota
	levelSystem
	levelMessages
)

func (req *request) level(i int) int {
	switch {
	case i < len(req.tools):
		return levelTools
	case i < req.before:
		return levelSystem
	}
	return levelMessages
}

// marks stands for what, outside the blocks, makes a prefix another, by level: the
// speed from the system prompt on; choice of tools, thinking, effort and whether
// there are images in the messages. Asking for a default changes nothing.
func (req *request) marks() (all [3]uint64) {
	h := fnv.New64a()
	io.WriteString(h, req.speed)
	all[levelSystem] = h.Sum64()
	effort := cmp.Or(req.effort, req.model.defaultEffort())
	fmt.Fprint(h, "\x00", req.think.on, req.think.budget, "\x00", effort, "\x00", req.choice, "\x00", req.images > 0)
	all[levelMessages] = h.Sum64()
	return all
}

// cacheKey is a prefix in a workspace. The model is part of the prefix.
type cacheKey struct {
	workspace uint64
	mark      uint64
	prefix    digest
}

func (b *block) key(workspace uint64) cacheKey { return cacheKey{workspace, b.mark, b.chain} }

// entry is a cached prefix. It can be read from the moment it is stored, which
// is when the answer that writes it begins.
type entry struct {
	expires time.Time
	ttl     time.Duration
}

// cache is the prompt cache of the whole server. All methods may be called from
// any goroutine.
type cache struct {
	mu      sync.Mutex
	entries map[cacheKey]entry
}

// lookup is what a request finds in the cache and what it will write.
type lookup struct {
	at    time.Time // the start of the request: every ttl counts from it
	usage usage
	store map[cacheKey]time.Duration // breakpoints past the hit, with their ttl
	read  []cacheKey                 // what was found
}

// lookup finds the longest cached prefix of a request that starts now and works
// out the usage. With A the end of the hit, B the last
// 1h breakpoint after it and C the last breakpoint: A is read, B−A written for
// an hour, C−B for five minutes, and the rest is plain input.
func (c *cache) lookup(req *request, workspace uint64, now time.Time) lookup {
	total := req.total.tokens(req.model)
	hit, oneHour, end := 0, 0, 0
	res := lookup{at: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range req.blocks {
		if b.ttl == 0 || b.upTo < req.model.minCache {
			continue
		}
		at, key := c.longest(req.blocks[:i+1], workspace, req.model.minCache, now)
		if at > 0 {
			res.read = append(res.read, key)
		}
		if at > hit {
			hit = at
			oneHour, end, res.store = at, at, nil // whatever lies before the hit is read, not written
		}
		if b.upTo <= hit {
			continue
		}
		if res.store == nil {
			res.store = make(map[cacheKey]time.Duration, maxBreakpoints)
		}
		res.store[b.key(workspace)] = b.ttl
		end = b.upTo
		if b.ttl == time.Hour {
			oneHour = b.upTo
		}
	}
	res.usage = usage{input: total - end, read: hit, write1h: oneHour - hit, write5m: end - oneHour}
	return res
}

// longest walks back from the last of the blocks and returns the tokens and the
// key of the first live prefix; 0 is none.
func (c *cache) longest(blocks []block, workspace uint64, least int, now time.Time) (int, cacheKey) {
	for j := len(blocks) - 1; j >= max(0, len(blocks)-lookBack); j-- {
		if blocks[j].upTo < least {
			break
		}
		key := blocks[j].key(workspace)
		if e, ok := c.entries[key]; ok && !now.After(e.expires) {
			return blocks[j].upTo, key
		}
	}
	return 0, cacheKey{}
}

// evict forgets every prefix of a request, before its time.
func (c *cache) evict(req *request, workspace uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range req.blocks {
		delete(c.entries, req.blocks[i].key(workspace))
	}
}

// refresh extends what an admitted request reads, for free.
func (c *cache) refresh(l lookup, start time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range l.read {
		if e, ok := c.entries[key]; ok {
			e.expires = later(e.expires, start.Add(e.ttl))
			c.entries[key] = e
		}
	}
}

// commit stores what a lookup is to write, once its answer has begun. The ttl
// counts from the start of the request.
func (c *cache) commit(l lookup, start time.Time) {
	if len(l.store) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[cacheKey]entry)
	}
	for key, ttl := range l.store {
		old := c.entries[key]
		c.entries[key] = entry{expires: later(old.expires, start.Add(ttl)), ttl: max(old.ttl, ttl)}
	}
	if len(c.entries) > maxEntries {
		c.sweep(start)
	}
}

// sweep drops what has expired and, if that is not enough, everything of the
// shorter ttl.
func (c *cache) sweep(now time.Time) {
	for _, short := range []bool{false, true} {
		for key, e := range c.entries {
			if now.After(e.expires) || short && e.ttl < time.Hour {
				delete(c.entries, key)
			}
		}
		if len(c.entries) <= maxEntries/2 {
			return
		}
	}
	clear(c.entries)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
