package analysis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// explain finds out which missing and lost rules are no more than others for which there is
// more evidence: where a check has several attributes, one of them denies it for all. The
// denied checks are read only if that is possible.
func (s *suggester) explain(ctx context.Context, source query.Source, f query.Filter, windows []query.Window, rules []*checkedKey) error {
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b *checkedKey) int {
		return cmp.Or(
			cmp.Compare(len(b.evidence), len(a.evidence)),
			cmp.Compare(b.evidenceWindows(), a.evidenceWindows()),
			cmp.Compare(b.Denied.Events-b.probed, a.Denied.Events-a.probed),
			compareKeys(a, b),
		)
	})
	var doubtful []*doubtfulKey
	for i, k := range rules {
		d := &doubtfulKey{checkedKey: k, from: windows[k.since].Since}
		for _, other := range rules[:i] {
			if other.manager == k.manager && other.action == k.action && k.isDeniedWith(other) {
				d.causes = append(d.causes, cause{checkedKey: other})
			}
		}
		if d.causes != nil {
			doubtful = append(doubtful, d)
		}
	}
	if doubtful == nil {
		return nil
	}
	if err := s.readDenied(ctx, source, f, doubtful); err != nil {
		return err
	}
	for _, d := range doubtful {
		d.explain()
	}
	return nil
}

// readDenied counts the users who were denied the doubtful keys apart from their causes.
// Damage and gaps are known already.
func (s *suggester) readDenied(ctx context.Context, source query.Source, f query.Filter, doubtful []*doubtfulKey) error {
	keys := make([]*checkedKey, len(doubtful))
	at := make(map[[3]string]*doubtfulKey)
	for i, d := range doubtful {
		keys[i] = d.checkedKey
		at[[3]string{d.manager, d.action, d.attributes[0]}] = d
	}
	f = s.withoutProbers(deniedOf(f, keys))
	f.Fields = query.FieldTimestamp | query.FieldManager | query.FieldAction | query.FieldAttributes | query.FieldUser
	var told Notes
	for event, err := range source.Events(ctx, f) { //nolint:contextcheck // what ctx carries was not recorded
		switch {
		case err == nil:
			for _, attribute := range event.Attributes { // what has none has no other
				if d := at[[3]string{event.Manager, string(event.Action), attribute}]; d != nil {
					d.add(&event)
				}
			}
		case !told.skip(err):
			return err
		}
	}
	return nil
}

// doubtfulKey is a missing or lost rule that others may explain.
type doubtfulKey struct {
	*checkedKey

	from   time.Time // of the evidence
	causes []cause
	apart  usersApart // from all of them
}

// cause is what may explain a doubtfulKey.
type cause struct {
	*checkedKey

	apart usersApart
}

// usersApart are users who were denied a key in checks without its causes: different ones, and no
// more than are too many.
type usersApart []string

func (a *usersApart) add(user string) {
	if len(*a) < leastDenied && !slices.Contains(*a, user) {
		*a = append(*a, user)
	}
}

// add takes a denied check into account.
func (d *doubtfulKey) add(event *audit.PermissionAuditEvent) {
	if event.Timestamp.Before(d.from) {
		return
	}
	isAlone, user := true, userOf(event)
	for i := range d.causes {
		c := &d.causes[i]
		if slices.Contains(event.Attributes, c.attributes[0]) {
			isAlone = false
		} else {
			c.apart.add(user)
		}
	}
	if isAlone {
		d.apart.add(user)
	}
}

// explain chooses the first cause that is enough, or all of them, if it takes that. What is
// explained explains nothing else.
func (d *doubtfulKey) explain() {
	var causes []*checkedKey
	for _, c := range d.causes {
		switch {
		case c.explainedBy != nil:
		case d.isExplained(len(d.evidence) - len(c.apart)):
			d.explainedBy = []*checkedKey{c.checkedKey}
			return
		default:
			causes = append(causes, c.checkedKey)
		}
	}
	if d.isExplained(len(d.evidence) - len(d.apart)) {
		d.explainedBy = causes
	}
}

// isDeniedWith reports whether the users who were denied a key were denied the cause at about
// the same times.
func (k *checkedKey) isDeniedWith(cause *checkedKey) bool {
	both := 0
	for _, user := range k.evidence {
		if user.in&^cause.deniedIn(user.number) == 0 {
			both++
		}
	}
	return k.isExplained(both)
}

// evidenceWindows is how many windows the evidence has, those of each user.
func (k *checkedKey) evidenceWindows() (n int64) {
	for _, user := range k.evidence {
		n += count(user.in)
	}
	return n
}

// isExplained reports whether a key would be no suggestion, were it not for so many users.
func (k *checkedKey) isExplained(users int) bool {
	rest := len(k.evidence) - users
	return rest < leastDenied && 10*rest <= len(k.evidence)
}
