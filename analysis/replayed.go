package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// MaxExamples is how many examples of a Change are kept.
const MaxExamples = 3

// Replayed is the answer of Replay.
type Replayed struct {
	By     []string        // the dimensions
	Groups []ReplayedGroup // most newly denied users first, then most newly granted ones

	// Changes are those of all checks, each counted once, whatever its groups.
	Changes
	// Inconsistent is how many checks were recorded with both outcomes. Only the newest
	// one was compared: an object or anything else that is not part of a check decided.
	Inconsistent int64
	Notes
}

// ReplayedGroup are the changes of the checks with one key.
type ReplayedGroup struct {
	Key []string // a value for each dimension, in their order; "" is null
	Changes

	by []string
}

// Changes are what became of checks: each is in one of them.
type Changes struct {
	NewlyGranted Change // denied before
	NewlyDenied  Change // granted before
	Unchanged    Change // it has no examples
	Errors       Change // decide returned an error, or panicked
}

// Change is what there is to know of the checks of which the same became.
type Change struct {
	Checks   int64     // that differ
	Users    int64     // how many different ones; all checks without a user count as one
	Bypassed int64     // of Checks those in which a superuser skipped the rules
	Examples []Example // the first ones, at most MaxExamples
}

// Example is one check.
type Example struct {
	// Event is what was recorded. What it refers to must not be changed.
	Event audit.PermissionAuditEvent
	// Error is what decide returned, at most 1 KiB of it; after a panic it begins with
	// "panic: ", and ends with the file and the line. "" if there was none.
	Error string
}

// maxErrorText is how much is kept of an error.
const maxErrorText = 1 << 10

// fate is what became of a check: an index.
type fate int

const (
	newlyGranted fate = iota
	newlyDenied
	unchanged
	erred
	fates // how many there are
)

// all are the changes by their fate.
func (c *Changes) all() [fates]*Change {
	return [fates]*Change{&c.NewlyGranted, &c.NewlyDenied, &c.Unchanged, &c.Errors}
}

// decided is a check and what became of it.
type decided struct {
	*check

	fate fate
	text string // of the error
}

func newDecided(c *check, granted bool, err error) decided {
	switch {
	case err != nil:
		// Sprint survives an Error method that panics.
		return decided{c, erred, cut(fmt.Sprint(err), maxErrorText)}
	case granted == c.event.Granted:
		return decided{c, unchanged, ""}
	case granted:
		return decided{c, newlyGranted, ""}
	}
	return decided{c, newlyDenied, ""}
}

// cut leaves so many bytes of a text, at most, and only whole runes.
func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// changing are changes that are being counted.
type changing struct {
	Changes

	users [fates]map[string]struct{}
}

func (c *changing) add(d *decided) {
	change := c.all()[d.fate]
	change.Checks++
	if d.event.Bypassed {
		change.Bypassed++
	}
	if c.users[d.fate] == nil {
		c.users[d.fate] = make(map[string]struct{})
	}
	c.users[d.fate][d.user] = struct{}{}
	change.Users = int64(len(c.users[d.fate]))
	if d.fate != unchanged && len(change.Examples) < MaxExamples {
		change.Examples = append(change.Examples, Example{d.event, d.text})
	}
}

// replayedGroup is a group that is being counted.
type replayedGroup struct {
	changing

	key []string
}

// group is the group with that key, a new one if there is none.
func (r *replay) group(key []string) *replayedGroup {
	text := string(counting.AppendKey(nil, key))
	g, found := r.groups[text]
	if !found {
		g = &replayedGroup{key: key}
		r.groups[text] = g
	}
	return g
}

// finish puts what was counted into the report.
func (r *replay) finish() {
	r.report.Changes = r.total.Changes
	for g := range maps.Values(r.groups) {
		r.report.Groups = append(r.report.Groups, ReplayedGroup{g.key, g.Changes, r.report.By})
	}
	slices.SortFunc(r.report.Groups, func(a, b ReplayedGroup) int {
		return cmp.Or(
			cmp.Compare(b.NewlyDenied.Users, a.NewlyDenied.Users),
			cmp.Compare(b.NewlyGranted.Users, a.NewlyGranted.Users),
			cmp.Compare(b.NewlyDenied.Checks, a.NewlyDenied.Checks),
			cmp.Compare(b.NewlyGranted.Checks, a.NewlyGranted.Checks),
			cmp.Compare(b.Errors.Checks, a.Errors.Checks),
			slices.Compare(a.Key, b.Key),
		)
	})
}
