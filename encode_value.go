package audit

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// valueEncoder appends metadata as JSON. It accepts every Go value: what JSON
// cannot express, or what is too large, is replaced by something readable and
// noted. Its zero value is ready; it is not for concurrent use.
type valueEncoder struct {
	redact  redaction
	path    []string // of the value at hand, below the metadata
	pairs   []pair   // a stack: those of the open objects
	last    string   // keys after it cannot fit, if it is not ""
	notes   []string // "metadata.path:reason", as in Sanitized
	layouts layouts  // of the outermost objects so far
	limit   int      // the length that the output must not pass, less what must follow it yet
}

// pair is a key of an object, repaired, and its value.
type pair struct {
	key      string
	original string // "": the key itself, which is plain
	value    any
	harmless bool // the key is known to be none of a secret, by the usual rules
}

// redaction is what a valueEncoder redacts. Its zero value is nothing.
type redaction struct {
	by    Redactor // nil: usual decides
	usual bool     // by DefaultRedactor's rules, which need no path
}

// What stands for a value that does not fit.
const (
	tooLarge = "[too large]"
	tooDeep  = "[too deep]"
)

// The least that a member of an object or a list takes, with its comma.
const (
	shortestMember  = len(`"":0,`)
	shortestElement = len(`0,`)
)

// nothing is a limit that everything passes.
const nothing = math.MinInt / 2

// size is how much memory e holds on to, but for its layouts, which are bounded.
func (e *valueEncoder) size() int { return 56 * cap(e.pairs) }

// appendMetadata appends one object with the keys of own, and those of outer that
// own has not. A key whose value would take the object over MaxMetadataBytes has
// tooLarge for a value. The object ends where even that does not fit, and where it
// would have to stand for more than MaxSanitized values.
func (e *valueEncoder) appendMetadata(dst []byte, own, outer map[string]any, redact Redactor) []byte {
	e.redact = redaction{by: redact, usual: redact == nil}
	e.notes, e.path, e.pairs, e.last = e.notes[:0], e.path[:0], e.pairs[:0], ""
	start, large := len(dst), 0
	limit := start + MaxMetadataBytes - len("}")
	dst = append(dst, '{')
	for _, p := range e.merged(own, outer) {
		before, noted := len(dst), len(e.notes)
		dst = e.key(dst, p.key, before > start+1)
		after := len(dst)
		e.limit = limit
		if dst = e.element(dst, &p, 1); len(dst) <= e.limit {
			continue
		}
		e.notes = e.notes[:noted]
		dst = appendQuoted(dst[:after], tooLarge)
		if large++; len(dst) > limit || large > MaxSanitized {
			dst = dst[:before]
			e.note("size")
			break
		}
		e.note("size", p.key)
	}
	e.pop(0)
	return append(dst, '}')
}

// merged returns the pairs of own, and those of outer that own has not, sorted.
func (e *valueEncoder) merged(own, outer map[string]any) []pair {
	if pairs, ok := e.layouts.appendPairs(e.pairs, own, outer); ok {
		e.pairs = pairs
		return pairs
	}
	for key, value := range own {
		e.pushFirst(key, value)
	}
	for key, value := range outer {
		if _, hidden := own[key]; !hidden {
			e.pushFirst(key, value)
		}
	}
	e.last = ""
	pairs := e.sorted(0)
	e.layouts.learn(pairs, own, outer)
	return pairs
}

// pushFirst is push for the outermost object, of which the first keys are kept if
// they are too many.
func (e *valueEncoder) pushFirst(key string, value any) {
	const most = MaxMetadataBytes/shortestMember + 1
	if len(e.pairs) == 2*most {
		sortPairs(e.pairs)
		e.pop(most)
		e.last = e.pairs[most-1].key
	}
	e.push(key, value)
}

// push puts a key and its value on the stack of pairs.
func (e *valueEncoder) push(key string, value any) {
	p := pair{key: key, value: value}
	if len(key) > MaxNameBytes || !isPlain(key) {
		p.key, _ = repairOther(key, MaxNameBytes)
		p.original = key
	}
	if e.last == "" || p.key <= e.last {
		e.pairs = append(e.pairs, p)
	}
}

func sortPairs(pairs []pair) {
	if len(pairs) == 2 && pairs[0].key != pairs[1].key {
		if pairs[0].key > pairs[1].key {
			pairs[0], pairs[1] = pairs[1], pairs[0]
		}
		return
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if a.key != b.key {
			return strings.Compare(a.key, b.key)
		}
		return strings.Compare(a.original, b.original)
	})
}

// sorted sorts the pairs from start up, notes which keys were repaired, and drops
// those that repeat another now.
func (e *valueEncoder) sorted(start int) []pair {
	object := e.pairs[start:]
	sortPairs(object)
	repeated := false
	for i := range object {
		p := &object[i]
		if p.original != "" && p.key != p.original {
			_, done := repair(p.original, MaxNameBytes)
			e.noteRepairs(done, p.key)
		}
		repeated = repeated || i > 0 && p.key == object[i-1].key
	}
	if !repeated {
		return object
	}
	return slices.CompactFunc(object, func(a, b pair) bool {
		if a.key != b.key {
			return false
		}
		e.note("duplicate", a.key)
		return true
	})
}

// pop takes the pairs from start up off the stack, keeping nothing alive.
func (e *valueEncoder) pop(start int) {
	clear(e.pairs[start:])
	e.pairs = e.pairs[:start]
}

// key appends a key, after a comma if it is not the first.
func (e *valueEncoder) key(dst []byte, key string, comma bool) []byte {
	if comma {
		dst = append(dst, ',')
	}
	return append(appendQuoted(dst, key), ':')
}

// element appends the value of p, or its replacement if it is redacted. depth is how
// many containers it is in.
func (e *valueEncoder) element(dst []byte, p *pair, depth int) []byte {
	if len(dst) > e.limit {
		return dst
	}
	e.path = append(e.path, p.key)
	if replacement, redacted := e.ask(p); redacted {
		e.note("redacted")
		redact := e.redact
		e.redact = redaction{}
		dst = e.value(dst, replacement, depth)
		e.redact = redact
	} else {
		dst = e.value(dst, p.value, depth)
	}
	e.path = e.path[:len(e.path)-1]
	return dst
}

// ask asks whether p, the last of the path, is redacted.
func (e *valueEncoder) ask(p *pair) (replacement any, redacted bool) {
	switch {
	case e.redact.usual:
		return Redacted, !p.harmless && isSecret(p.key)
	case e.redact.by != nil:
		return e.askRedactor(p.value)
	}
	return nil, false
}

// askRedactor calls a redactor of the user's. One that panics redacts.
func (e *valueEncoder) askRedactor(value any) (replacement any, redacted bool) {
	defer func() {
		if recover() != nil {
			replacement, redacted = Redacted, true
		}
	}()
	return e.redact.by(e.path, value)
}

// value appends v, which is in depth containers.
func (e *valueEncoder) value(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return e.text(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return e.float(dst, v, 64)
	case json.Number:
		return e.number(dst, v)
	case json.RawMessage:
		return e.raw(dst, v, v, depth)
	case map[string]any:
		switch {
		case v == nil:
			return append(dst, "null"...)
		case depth >= MaxDepth:
			return e.replace(dst, tooDeep, "deep")
		case e.cannotHold(len(v), dst):
			return dst
		}
		start := len(e.pairs)
		for key, value := range v {
			e.push(key, value)
		}
		return e.object(dst, start, depth)
	}
	return e.reflected(dst, v, depth)
}

// cannotHold reports whether an object of n members can never fit, before anybody
// looks at them: maps of many keys may hold one another.
func (e *valueEncoder) cannotHold(n int, dst []byte) bool {
	if n <= (e.limit-len(dst))/shortestMember+1 {
		return false
	}
	e.limit = nothing
	return true
}

// object appends the pairs from start up and takes them off the stack.
func (e *valueEncoder) object(dst []byte, start, depth int) []byte {
	dst = append(dst, '{')
	object := e.sorted(start)
	e.limit -= len(object) * shortestMember
	for i := range object {
		p := &object[i]
		e.limit += shortestMember
		dst = e.key(dst, p.key, i > 0)
		if dst = e.element(dst, p, depth+1); len(dst) > e.limit {
			break
		}
	}
	e.pop(start)
	return append(dst, '}')
}

func (e *valueEncoder) text(dst []byte, s string) []byte {
	dst, done := appendJSONString(dst, s, MaxStringBytes)
	e.noteRepairs(done)
	return dst
}

// replace appends text for a value that cannot be recorded, and notes why.
func (e *valueEncoder) replace(dst []byte, text, reason string) []byte {
	e.note(reason)
	return e.text(dst, text)
}

func (e *valueEncoder) noteRepairs(done repairs, key ...string) {
	if done == 0 {
		return
	}
	for bit, reason := range reasons {
		if done&(1<<bit) != 0 {
			e.note(reason, key...)
		}
	}
}

// note notes why the value at hand, or the one at key below it, was changed.
func (e *valueEncoder) note(reason string, key ...string) {
	const longest = 256
	if len(e.notes) > MaxSanitized {
		return // it has "..." already
	}
	name := strings.Join(slices.Concat([]string{"metadata"}, e.path, key), ".")
	e.notes = appendNote(e.notes, name[:cutRune(name, longest)]+":"+reason)
}
