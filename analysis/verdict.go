package analysis

import "strconv"

// Verdict is what Compare says of a key. Its text is that of JSON.
type Verdict string

// The verdicts, in the order in which a Comparison lists them; the first one that
// applies is the verdict. See [Compare] for "significant", and docs/regression.md for
// what to do about each.
const (
	// VerdictLostRule: of what the rules decided more than 99 % was granted, where what
	// a user was denied in a window, and tried again, is one check; now everything is
	// denied. Significant, and at least three users.
	VerdictLostRule Verdict = "lost_rule"
	// VerdictRegression: a larger share of the users is denied. Significant, and the
	// effect is large enough: see CompareOptions.
	VerdictRegression Verdict = "regression"
	// VerdictNewDenial: the baseline never saw the key, or only checks that were
	// bypassed, and of its users a larger share is denied than of those of all keys of the baseline. Significant, and
	// the effect is large enough; and it has so many users that some would have been
	// seen in the baseline.
	VerdictNewDenial Verdict = "new_denial"
	// VerdictVanished: at least 20 users were checked, in every window of the
	// baseline, and next to none is any more, at most 5 % of as many as there should
	// be, which is significant: perhaps the check itself was removed.
	VerdictVanished Verdict = "vanished"
	// VerdictBypassUp: a larger share of the users skips the rules as superusers.
	// Significant, and the effect is large enough.
	VerdictBypassUp Verdict = "bypass_up"
	// VerdictRetryLoop: one to three users, denied twenty times and more each, were denied
	// a hundred times and more in all, which is three quarters of all denials at least: a
	// client that does not give up, or somebody who probes.
	VerdictRetryLoop Verdict = "retry_loop"
	// VerdictImprovement: a smaller share of the users is denied. Significant, and
	// the effect is large enough.
	VerdictImprovement Verdict = "improvement"
	// VerdictTooFew: there are so few users that not even a lost rule would have been
	// significant.
	VerdictTooFew Verdict = "too_few"
	// VerdictUnchanged: none of the above.
	VerdictUnchanged Verdict = "unchanged"
)

// verdicts are all of them, in their order.
var verdicts = []Verdict{
	VerdictLostRule, VerdictRegression, VerdictNewDenial, VerdictVanished, VerdictBypassUp,
	VerdictRetryLoop, VerdictImprovement, VerdictTooFew, VerdictUnchanged,
}

// IsAlert reports whether somebody should look at once: lost_rule, regression,
// new_denial, vanished and bypass_up.
func (v Verdict) IsAlert() bool {
	switch v {
	case VerdictLostRule, VerdictRegression, VerdictNewDenial, VerdictVanished, VerdictBypassUp:
		return true
	}
	return false
}

// isDenial reports whether it is an alert about denials.
func (v Verdict) isDenial() bool {
	return v == VerdictLostRule || v == VerdictRegression || v == VerdictNewDenial
}

// KeyVerdict is what Compare says of one key.
type KeyVerdict struct {
	Key     []string // a value for each dimension, in their order; "" is null
	Verdict Verdict

	Baseline, Candidate KeySide

	// Ratio is how many times larger the share of denied users is than it was, of
	// bypass_up that of users who bypassed the rules. It is 0 if that is not known:
	// the baseline has no such user.
	Ratio float64
	// Q is the share of false alarms to be expected among the verdicts of this kind
	// if everything as extreme as this were called one: see [Compare]. 1 if nothing
	// could be tested; of a retry_loop it says nothing.
	Q float64
	// Exposure is how many times more often each user was checked than before, in
	// the geometric mean: it raises what has to be seen before it is significant. 0:
	// a side has no users.
	Exposure float64
	// TooFew says that there are too few users to find a lost rule, whatever the
	// verdict is.
	TooFew bool
	// Users are those of a retry_loop.
	Users []string
	// DeniedWith is the key of another alert that explains this one: the same checks
	// have several attributes, or permissions, and who was denied here was denied
	// there. nil: there is none. An alert that is explained is no finding of its own.
	DeniedWith []string
	// Acknowledged covers the key; nil: nothing does. An alert that is acknowledged
	// is no finding.
	Acknowledged *Acknowledgment

	by []string
}

// KeySide is what there is to know of a key in the baseline or the candidate.
type KeySide struct {
	// Checks are all decisions; Denied and Bypassed some of them. All are weighed,
	// and rounded.
	Checks, Denied, Bypassed int64
	// Users are those of whom the rules decided something, without a bypass, and
	// DeniedUsers those of them who were denied. BypassedUsers are those who skipped
	// the rules. Each counts once in every window of the side: see Side.
	Users, DeniedUsers, BypassedUsers int64
	// AllUsers are those with any check, bypassed or not, counted alike.
	AllUsers int64
}

// IsAlert reports whether the verdict is an alert that nobody acknowledged, and that no
// other one explains.
func (k KeyVerdict) IsAlert() bool {
	return k.Verdict.IsAlert() && k.Acknowledged == nil && k.DeniedWith == nil
}

// MarshalJSON implements json.Marshaler: a member for each dimension, null where there
// is no value; "verdict"; "alert", which is that of IsAlert; "baseline" and "candidate",
// each with "checks", "denied", "users", "denied_users", "bypassed", "bypassed_users" and
// "all_users"; "ratio", null if it is not known; "q", null of a retry_loop, which no test
// finds, and which has "loop_users"; if another alert explains it "denied_with", with a
// member for each dimension; and if it is acknowledged "acknowledged" with "owner",
// "reason" and "expires".
func (k KeyVerdict) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addKey(k.by, k.Key); err != nil {
		return nil, err
	}
	var ratio, q any
	if k.Ratio > 0 {
		ratio = significant(k.Ratio)
	}
	if k.Verdict != VerdictRetryLoop {
		q = significant(k.Q)
	}
	members := []member{
		{"verdict", k.Verdict}, {"alert", k.IsAlert()}, {"baseline", k.Baseline}, {"candidate", k.Candidate}, {"ratio", ratio}, {"q", q},
	}
	if len(k.Users) > 0 {
		members = append(members, member{"loop_users", k.Users})
	}
	if k.DeniedWith != nil {
		members = append(members, member{"denied_with", dimensioned{k.by, k.DeniedWith}})
	}
	if k.Acknowledged != nil {
		members = append(members, member{"acknowledged", k.Acknowledged})
	}
	return o.close(members)
}

// MarshalJSON implements json.Marshaler.
func (s KeySide) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	return o.close([]member{
		{"checks", s.Checks},
		{"denied", s.Denied},
		{"users", s.Users},
		{"denied_users", s.DeniedUsers},
		{"bypassed", s.Bypassed},
		{"bypassed_users", s.BypassedUsers},
		{"all_users", s.AllUsers},
	})
}

// significant rounds to three significant digits: more would say more than is known.
func significant(x float64) float64 {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64) // what was formatted is a number
	return rounded
}

// shareOf is hits of all, 0 of none.
func shareOf(hits, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(hits) / float64(of)
}
