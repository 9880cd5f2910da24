package analysis

import (
	"cmp"
	"slices"

	"github.com/permaudit/audit/query"
)

// Prober is a user who was denied in many keys, for whom few were granted: a scanner, or
// a client that is broken. In a Comparison keys that are alerts of denials do not count for
// that.
type Prober struct {
	User   string // as query.Filter.User knows them; "": all without a user
	Keys   int    // in how many keys it was denied
	Asked  int    // in how many it was checked
	Denied int64  // how many times it was denied, weighed, summed over the keys
}

// leastProbed is in how many keys a prober was denied at least.
const leastProbed = 5

// MarshalJSON implements json.Marshaler: "user", "keys", "asked" and "denied".
func (p Prober) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	return o.close([]member{{"user", p.User}, {"keys", p.Keys}, {"asked", p.Asked}, {"denied", p.Denied}})
}

// crowd is what is known of users beyond the keys, by their numbers. Where there is one
// set it is the candidate's, and the baseline has nobody.
type crowd []passerby

// passerby is a user of any side.
type passerby struct {
	name       string
	seen       [sides]uint64 // in which windows
	asked      int           // keys of the candidate
	deniedKeys [sides]int
	excused    int     // of the candidate's those that a regression denies
	alone      int     // of the candidate's those that most others were granted
	isKnown    bool    // the baseline granted it something
	denied     float64 // events of the candidate
}

// add takes note of what a user got of one key on one side.
func (c *crowd) add(user *query.UserCounts) {
	if user.Number >= len(*c) {
		*c = append(*c, make([]passerby, user.Number+1-len(*c))...)
	}
	p := &(*c)[user.Number]
	p.name = user.User
	p.seen[user.Set] |= user.Granted.Windows | user.Denied.Windows | user.Bypassed.Windows
	if user.Denied.Windows != 0 {
		p.deniedKeys[user.Set]++
	}
	if user.Set == inBaseline && user.Granted.Windows != 0 {
		p.isKnown = true
	}
	if user.Set == inCandidate {
		p.asked++
		p.denied += user.Denied.Events
	}
}

// excuse takes note of users who are denied a key since the deployment: that is no probing.
func (c crowd) excuse(users []deniedUser) {
	for _, user := range users {
		c[user.number].excused++
	}
}

// forget takes back a key of the candidate from all of its users.
func (c crowd) forget(k *checkedKey) {
	for _, number := range k.others {
		c[number].asked--
	}
	for _, user := range k.denied {
		p := &c[user.number]
		p.asked--
		p.deniedKeys[inCandidate]--
		p.denied -= float64(user.events)
	}
}

// count returns how many users there are on each side, each once in every window, and in
// which windows there are any.
func (c crowd) count() (users [sides]int64, windows [sides]uint64) {
	for i := range c {
		for side, seen := range c[i].seen {
			users[side] += count(seen)
			windows[side] |= seen
		}
	}
	return users, windows
}

// isProber reports whether a user was one of the candidate's probers, and none of the
// baseline's, if there is a baseline.
func (c crowd) isProber(number int) bool {
	p := &c[number]
	keys := p.deniedKeys[inCandidate] - p.excused
	return keys >= leastProbed && 2*keys > p.asked-p.excused && 2*p.deniedKeys[inBaseline] <= keys
}

// mostStrangers are how many strangers there are at most, or a twentieth of all users.
const mostStrangers = 20

// strangers finds users to whom the baseline granted nothing, and whom the candidate denied
// in many keys what it granted to most others. Several of them deny a key to so many users
// that it looks like a regression. Where there are many, the candidate may have denied all
// that is new, and they are none.
func (c crowd) strangers(keys []*comparedKey) []bool {
	for _, k := range keys {
		if 2*k.whole.denied < k.whole.judged {
			for _, user := range k.denied {
				c[user.number].alone++
			}
		}
	}
	is, n := make([]bool, len(c)), 0
	for i := range c {
		p := &c[i]
		granted := p.asked - p.deniedKeys[inCandidate]
		if is[i] = !p.isKnown && p.alone >= leastProbed && p.alone > granted && 2*p.deniedKeys[inBaseline] <= p.alone; is[i] {
			n++
		}
	}
	if n > max(mostStrangers, len(c)/20) {
		clear(is)
	}
	return is
}

// probers are the users of whom is says that they are.
func (c crowd) probers(is func(number int) bool) []Prober {
	var found []Prober
	for i := range c {
		if is(i) {
			p := &c[i]
			found = append(found, Prober{User: p.name, Keys: p.deniedKeys[inCandidate], Asked: p.asked, Denied: rounded(p.denied)})
		}
	}
	slices.SortFunc(found, func(a, b Prober) int {
		return cmp.Or(cmp.Compare(b.Keys, a.Keys), cmp.Compare(b.Denied, a.Denied), cmp.Compare(a.User, b.User))
	})
	return found
}
