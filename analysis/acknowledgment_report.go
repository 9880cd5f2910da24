package analysis

import (
	"slices"
	"time"
)

// AcknowledgmentReport says what Acknowledgments did to an answer. The zero value says
// that they did nothing.
type AcknowledgmentReport struct {
	// Covered are the groups that an entry covers, in their order, with what
	// Acknowledgments.Find finds.
	Covered []Coverage
	// Expired are the groups that no entry covers, and one would that has expired.
	Expired []Coverage
	// Unused are the entries of which no group has the values, expired or not, in the
	// order of their lines.
	Unused []*Acknowledgment
	// Inapplicable are the entries that cannot cover a group, since they name a
	// dimension by which there are none, in the order of their lines.
	Inapplicable []Inapplicable
}

// Coverage is a group, and the entry that covers it, or would.
type Coverage struct {
	Index int      // of the group, among those that there were
	Key   []string // of the group
	Entry *Acknowledgment
}

// Inapplicable is an entry that names too much for an answer.
type Inapplicable struct {
	Entry   *Acknowledgment
	Missing []string // the dimensions that the answer is without
}

// Report says which entries cover the groups with those keys at that time. An entry all
// of whose groups a more specific one covers is used, though not told.
func (a *Acknowledgments) Report(by []string, keys [][]string, at time.Time) AcknowledgmentReport {
	return a.report(by, keys, nil, at)
}

// report is Report, but that entries of other keys are used too, and those keys not told.
func (a *Acknowledgments) report(by []string, keys, others [][]string, at time.Time) (report AcknowledgmentReport) {
	if a == nil {
		return report
	}
	fitting, used := a.within(by), make(map[*Acknowledgment]bool)
	use := func(entry *Acknowledgment) { used[entry] = true }
	for _, key := range others {
		fitting.match(key, at, use)
	}
	for i, key := range keys {
		live, expired := fitting.match(key, at, use)
		switch {
		case live != nil:
			report.Covered = append(report.Covered, Coverage{i, slices.Clone(key), live.clone()})
		case expired != nil:
			report.Expired = append(report.Expired, Coverage{i, slices.Clone(key), expired.clone()})
		}
	}
	for _, entry := range a.entries {
		names := missing(entry.dimensions(), by)
		switch {
		case len(names) > 0:
			report.Inapplicable = append(report.Inapplicable, Inapplicable{entry.clone(), names})
		case !used[entry]:
			report.Unused = append(report.Unused, entry.clone())
		}
	}
	return report
}

// Acknowledge removes the groups of Denied that an entry covers at that time, and says
// which: Coverage.Index is that in r.Groups as it was, a slice that does not change.
// r.Notes stay those of all groups. A report of Bypasses keeps every group, and gets a
// zero answer: acknowledgments are of denials.
func (r *Report) Acknowledge(a *Acknowledgments, at time.Time) (report AcknowledgmentReport) {
	keys := make([][]string, len(r.Groups))
	for i, group := range r.Groups {
		if group.measure == bypassed {
			return report
		}
		keys[i] = group.Key
	}
	report = a.Report(r.By, keys, at)
	if len(report.Covered) == 0 {
		return report
	}
	var rest []Group
	covered := report.Covered
	for i, group := range r.Groups {
		if len(covered) > 0 && covered[0].Index == i {
			covered = covered[1:]
			continue
		}
		rest = append(rest, group)
	}
	r.Groups = rest
	return report
}
