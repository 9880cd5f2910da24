package query

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"iter"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// Group implements Grouper. Events are counted where they are read, on all processors,
// and are not decoded.
func (s *fileSource) Group(ctx context.Context, f Filter, by []string) (iter.Seq2[Group, error], error) {
	dimensions, err := parseDimensions(by)
	if err != nil {
		return nil, err
	}
	return func(yield func(Group, error) bool) {
		paths, err := s.paths()
		if err != nil {
			yield(Group{}, err)
			return
		}
		files := newFileSet(ctx, paths, s.stdin)
		files.places = s.places
		defer files.closeAll()
		checks := newRawFilter(checksOf(f))
		var groupings []*rawGrouping
		var failed error
		more := true
		s.newPass(files, false).run(
			func() func(*task) {
				g := newRawGrouping(newGrouping(f, dimensions), checks)
				groupings = append(groupings, g)
				return func(t *task) { t.result = g.addTask(files, t) }
			},
			func(t *task) bool {
				if failed = t.err; failed != nil {
					return false
				}
				damages, _ := t.result.([]error)
				for _, damage := range damages {
					more = more && yield(Group{}, damage)
				}
				return more
			})
		switch {
		case !more:
			return
		case ctx.Err() != nil:
			failed = errStopped
		}
		if failed != nil {
			yield(Group{}, cause(ctx, failed))
			return
		}
		all := groupings[0].flush()
		for _, g := range groupings[1:] {
			all.absorb(g.flush())
		}
		all.yield(yield)
	}, nil
}

// rawGrouping collects groups from lines. Those whose dimensions are written alike are
// counted together: what they are written is taken to pieces once.
type rawGrouping struct {
	*grouping

	checks *rawFilter
	fields Fields // of the dimensions
	keys   []func(key []byte, l *rawLine) []byte
	combos map[string]*combo

	key  []byte // of combos, for one line
	kept int    // bytes of the keys of combos
}

// combo is what was counted of lines whose dimensions are written alike.
type combo struct {
	counts

	values [][]string // of each dimension
}

// Ways of writing the same are kept up to so many, and up to so many bytes.
const (
	mostCombos   = 1 << 16
	mostKeyBytes = 16 << 20
)

func newRawGrouping(g *grouping, checks *rawFilter) *rawGrouping {
	r := &rawGrouping{grouping: g, checks: checks, combos: make(map[string]*combo)}
	for _, d := range g.dimensions {
		r.fields |= d.field
		r.keys = append(r.keys, rawKey(d))
	}
	return r
}

// rawKey returns what appends the value of a dimension as it is written. No JSON text
// has an LF in a line.
func rawKey(d dimension) func(key []byte, l *rawLine) []byte {
	text := func(value func(*rawLine) rawText) func([]byte, *rawLine) []byte {
		return func(key []byte, l *rawLine) []byte { return append(append(key, value(l).json...), '\n') }
	}
	truth := func(b bool) byte {
		if b {
			return 1
		}
		return 0
	}
	const hour = 3600 * 1_000_000
	switch d.name {
	case "manager":
		return text(func(l *rawLine) rawText { return l.manager })
	case "attribute":
		return text(func(l *rawLine) rawText { return l.attributes })
	case "action":
		return text(func(l *rawLine) rawText { return l.action })
	case "user":
		return text((*rawLine).userText)
	case "permission":
		return text(func(l *rawLine) rawText { return l.permissions })
	case "day", "hour":
		return func(key []byte, l *rawLine) []byte {
			beginning := (l.at%hour + hour) % hour // not negative before 1970
			return binary.AppendVarint(key, (l.at-beginning)/hour)
		}
	case "granted":
		return func(key []byte, l *rawLine) []byte { return append(key, truth(l.granted)) }
	case "bypassed":
		return func(key []byte, l *rawLine) []byte { return append(key, truth(l.bypassed)) }
	}
	name, _ := MetadataDimension(d.name)
	return text(func(l *rawLine) rawText { return l.metadata.member(name) })
}

// addTask counts the lines of a task, and returns the damage among them.
func (r *rawGrouping) addTask(files *fileSet, t *task) (damages []error) {
	for i := range t.lines {
		switch l := &t.lines[i]; {
		case l.damage != nil:
			if damage := t.damage(files, i, t.firstLine+i+1); damage != nil {
				damages = append(damages, damage)
			}
		case l.repeated:
		case l.event != nil:
			r.addEvent(l.event)
		default:
			r.addLine(&l.raw)
		}
	}
	return damages
}

// addEvent counts a line that was decoded.
func (r *rawGrouping) addEvent(event *audit.PermissionAuditEvent) {
	if event.Action == audit.ActionGap && r.checks.inTime(event.Timestamp.UnixMicro()) {
		r.gaps.count(event.Metadata["dropped"])
	}
	if r.checks.Match(*event) {
		r.add(event)
	}
}

func (r *rawGrouping) addLine(l *rawLine) {
	if l.isGap() && r.checks.inTime(l.at) {
		r.gaps.count(json.Number(l.metadata.member("dropped").json))
	}
	if !r.checks.match(l) {
		return
	}
	r.key = r.key[:0]
	for _, key := range r.keys {
		r.key = key(r.key, l)
	}
	c, found := r.combos[string(r.key)]
	if !found {
		c = r.newCombo(l)
	}
	w, sampled := l.weight()
	c.checks += w
	if sampled {
		c.sampled++
	}
	if r.filter.Granted.accepts(l.granted) && r.filter.Bypassed.accepts(l.bypassed) {
		c.selectLine(l, w, &r.users)
	}
}

func (r *rawGrouping) newCombo(l *rawLine) *combo {
	if r.kept += len(r.key); len(r.combos) == mostCombos || r.kept > mostKeyBytes {
		r.flush()
		r.kept = len(r.key)
	}
	c := &combo{values: make([][]string, len(r.dimensions))}
	event := l.event(r.fields | FieldSanitized) // never all of them
	for i, d := range r.dimensions {
		c.values[i] = slices.Clone(d.values(&event))
	}
	r.combos[string(r.key)] = c
	return c
}

// flush moves what was counted to the groups.
func (r *rawGrouping) flush() *grouping {
	for _, c := range r.combos {
		r.merge(c.values, &c.counts, nil)
	}
	clear(r.combos)
	return r.grouping
}

// selectLine counts a line that is selected.
func (c *counts) selectLine(l *rawLine, weight float64, users *users) {
	user := l.userText()
	name := user.json
	switch {
	case user.json == nil:
	case user.plain:
		name = user.json[1 : len(user.json)-1]
	default:
		name = []byte(user.string())
	}
	if c.users.len() == 0 || l.at < c.first {
		c.first = l.at
	}
	if c.users.len() == 0 || l.at > c.last {
		c.last = l.at
	}
	c.users.add(users.number(name))
	c.events += weight
	if len(name) == 0 {
		c.anonymous++
	}
}

// weight is how many events the line stands for.
func (l *rawLine) weight() (float64, bool) {
	if l.metadata.json == nil || l.metadata.plain && !bytes.Contains(l.metadata.json, []byte(audit.MetadataSampleRate)) {
		return 1, false
	}
	return counting.Weight(string(l.metadata.member(audit.MetadataSampleRate).json))
}
