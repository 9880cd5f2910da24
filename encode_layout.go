package audit

// layouts remember the keys of metadata, sorted. What a service records has the same few
// sets of keys over and over: with a layout they are looked up in order, where they would
// have to be iterated, checked and sorted. Which one depends on the number of keys.
type layouts [32]layout

// layout is one set of keys, none of which needs escapes or repair.
type layout struct {
	keys       []layoutKey // sorted
	own, outer int         // how many are the event's own, and how many its context's
}

type layoutKey struct {
	text            string
	outer, harmless bool
}

// of returns the layout for so many keys; nil if there is none.
func (l *layouts) of(own, outer map[string]any) *layout {
	const most = 128
	if n := len(own) + len(outer); n <= most {
		return &l[n%len(l)]
	}
	return nil
}

// appendPairs appends the pairs of own and outer in order, if they have the keys of l.
func (l *layout) appendPairs(pairs []pair, own, outer map[string]any) (appended []pair, ok bool) {
	if l == nil || len(own) != l.own || len(outer) != l.outer {
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

// learn makes the keys of pairs those of l, if a layout can have them. They keep the
// texts of their keys alive: these are small.
func (l *layout) learn(pairs []pair, own, outer map[string]any) {
	if l == nil {
		return
	}
	const most = 64 // bytes
	l.keys, l.own, l.outer = l.keys[:0], len(own), len(outer)
	for i := range pairs {
		p := &pairs[i]
		_, inner := own[p.key]
		l.keys = append(l.keys, layoutKey{text: p.key, outer: !inner, harmless: !isSecret(p.key)})
		if p.original != "" || len(p.key) > most {
			l.own = -1
			return
		}
	}
	if len(pairs) != len(own)+len(outer) { // some of outer are hidden
		l.own = -1
	}
}
