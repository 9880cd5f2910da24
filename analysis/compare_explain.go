package analysis

import (
	"cmp"
	"slices"

	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/internal/exact"
)

// verdicts are those of all keys. Where a check has several attributes, a rule about one
// of them denies it for all of them: such keys are explained by the one that everybody
// was denied.
func (j *judge) verdicts(by []string) []KeyVerdict {
	all := make([]KeyVerdict, len(j.keys))
	kindred := make(map[string][]int) // alerts of denials whose checks may be the same
	isMultiple := func(name string) bool { return name == "attribute" || name == "permission" }
	for i, k := range j.keys {
		all[i] = j.keyVerdict(k, by)
		if !all[i].Verdict.isDenial() {
			continue
		}
		var single []string
		for d, name := range by {
			if !isMultiple(name) {
				single = append(single, k.key[d])
			}
		}
		if len(single) < len(by) {
			key := string(counting.AppendKey(nil, single))
			kindred[key] = append(kindred[key], i)
		}
	}
	for _, alerts := range kindred {
		j.explain(all, alerts)
	}
	return all
}

// explain looks for the explanations among some alerts.
func (j *judge) explain(all []KeyVerdict, alerts []int) {
	share := func(i int) float64 { return shareOf(all[i].Candidate.DeniedUsers, all[i].Candidate.Users) }
	slices.SortFunc(alerts, func(a, b int) int {
		return cmp.Or(cmp.Compare(share(b), share(a)), slices.Compare(all[a].Key, all[b].Key))
	})
	for n, i := range alerts {
		for _, cause := range alerts[:n] {
			if share(cause) > share(i) && !j.isFoundWithout(j.keys[i], j.keys[cause]) {
				all[i].DeniedWith = all[cause].Key
				break
			}
		}
	}
}

// isFoundWithout reports whether more users are denied than before, even without those
// who were denied the cause in the same checks.
func (j *judge) isFoundWithout(k, cause *comparedKey) bool {
	both := 0
	for _, user := range k.denied {
		if _, found := findDenied(cause.denied, user.number); found {
			both++
		}
	}
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	// Of the users whom both keys denied, those are left whose checks had only one:
	// as large a share as that of the checks.
	same := k.deniedWith[string(counting.AppendKey(nil, cause.key))] / c.Denied.Events
	explained := rounded(same * float64(both) / float64(len(k.denied)) * float64(c.denied))
	rest := exact.Table{Hits: c.denied - explained, Of: c.judged - explained, BaseHits: b.denied, BaseOf: b.judged}
	kind := moreDenied
	if b.judged == 0 {
		rest.BaseHits, rest.BaseOf, kind = j.denied, j.judged, newDenied
	}
	return j.isLarge(rest, 1) && rest.Greater(1) <= max(j.cutoffs[kind], k.tests[kind].p)
}
