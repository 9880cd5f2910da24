package audit

import "strings"

// layouts remember the keys of metadata, sorted. What a service records has the same few
// sets of keys over and over: with a layout they are looked up in order, where they would
// have to be iterated, checked and sorted. There are four for each number of keys.
type layouts [32]struct {
	ways   [4]layout
	misses int // sets of keys that had no layout
}

// layout is one set of keys, none of which needs escapes or repair.
type layout struct {
	keys       []layoutKey // sorted
	own, outer int         // how many are the event's own, and how many its context's
}

type layoutKey struct {
	text            string // our own copy: that of the user's may change, or be part of something large
	outer, harmless bool
}

// What a layout can have.
const (
	mostLayoutKeys = 128
	mostLayoutText = 64 // bytes of a key
)

// appendPairs appends the pairs of own and outer in order, if there is a layout for them.
func (l *layouts) appendPairs(pairs []pair, own, outer map[string]any) (appended []pair, ok bool) {
	slot := &l[(len(own)+len(outer))%len(l)]
	for i := range slot.ways {
		if appended, ok = slot.ways[i].appendPairs(pairs, own, outer); ok {
			return appended, true
		}
	}
	return pairs, false
}

func (l *layout) appendPairs(pairs []pair, own, outer map[string]any) (appended []pair, ok bool) {
	if len(own) != l.own || len(outer) != l.outer {
		return pairs, false
	}
	appended = pairs
	for i := range l.keys {
		key := &l.keys[i]
		from := own
		if key.outer {
			from = outer
		}
		value, ok := from[key.text]
		if !ok {
			clear(appended[len(pairs):])
			return pairs, false
		}
		appended = append(appended, pair{key: key.text, value: value, harmless: key.harmless})
	}
	return appended, true
}

// learn makes a layout for the keys of pairs, if one can have them: for one in eight that
// had none, so that keys which are never the same cost little.
func (l *layouts) learn(pairs []pair, own, outer map[string]any) {
	const often = 8
	n := len(own) + len(outer)
	if n > mostLayoutKeys || len(pairs) != n { // or some of outer are hidden
		return
	}
	for i := range pairs {
		if pairs[i].original != "" || len(pairs[i].key) > mostLayoutText {
			return
		}
	}
	slot := &l[n%len(l)]
	if slot.misses++; slot.misses%often != 1 {
		return
	}
	way := &slot.ways[slot.misses/often%len(slot.ways)]
	way.own, way.outer, way.keys = len(own), len(outer), way.keys[:0]
	for i := range pairs {
		key := strings.Clone(pairs[i].key)
		_, inner := own[key]
		way.keys = append(way.keys, layoutKey{text: key, outer: !inner, harmless: !isSecret(key)})
	}
}
