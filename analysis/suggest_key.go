package analysis

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/permaudit/audit/query"
)

// suggestBy are the dimensions of the keys that Suggest judges.
var suggestBy = []string{"manager", "action", "attribute"}

// checkedKey is a key of Suggest, or several that were always checked together: what was
// counted, and what is concluded.
type checkedKey struct {
	manager, action string
	attributes      []string // ascending; "" is null
	query.SetCounts

	users    int64                    // of whom the rules decided something
	bypassed int64                    // users
	judged   [query.MaxWindows]uint32 // of users, those of each window
	granted  uint64                   // the windows in which somebody was
	denied   []deniedUser             // by number, ascending
	others   []uint32                 // the numbers of those who were not denied; until it is joined
	probed   float64                  // of the denied events those of probers

	class Class // "": nobody was denied

	// Of a missing or lost rule:

	since       int           // the first window after the loss; 0: it is missing
	evidence    []deniedUser  // of denied, what happened since
	explainedBy []*checkedKey // nil: nothing
	open        []string      // of attributes, those that are not acknowledged
	permissions []string
	deniedAt    span // without probers
}

// deniedUser is a user who was denied a key.
type deniedUser struct {
	number      uint32
	events      float32
	in, granted uint64 // the windows in which it was denied, and granted
}

// newCheckedKey counts the users of a group, and adds them to everyone and to grants.
func newCheckedKey(group *query.UserGroup, everyone *crowd, grants grantedKeys) *checkedKey {
	k := &checkedKey{
		manager: group.Key[0], action: group.Key[1], attributes: []string{group.Key[2]}, SetCounts: group.Sets[0],
	}
	of := grants.of(k.manager)
	for user := range group.Users {
		number := uint32(user.Number) //nolint:gosec // G115: there are not so many users
		judged := user.Granted.Windows | user.Denied.Windows
		if judged != 0 {
			k.users++
		}
		eachWindow(judged, func(w int) { k.judged[w]++ })
		k.granted |= user.Granted.Windows
		if user.Granted.Windows != 0 {
			of.add(number)
		}
		if user.Bypassed.Windows != 0 {
			k.bypassed++
		}
		if user.Denied.Windows != 0 {
			k.denied = append(k.denied, newDeniedUser(&user))
		} else {
			k.others = append(k.others, number)
		}
		user.Set = inCandidate
		everyone.add(&user)
	}
	sortDenied(k.denied)
	return k
}

func newDeniedUser(user *query.UserCounts) deniedUser {
	return deniedUser{
		number: uint32(user.Number), //nolint:gosec // G115: there are not so many users
		events: float32(user.Denied.Events), in: user.Denied.Windows, granted: user.Granted.Windows,
	}
}

func sortDenied(users []deniedUser) {
	slices.SortFunc(users, func(a, b deniedUser) int { return cmp.Compare(a.number, b.number) })
}

// findDenied finds a user among some that are sorted.
func findDenied(users []deniedUser, number uint32) (i int, found bool) {
	return slices.BinarySearchFunc(users, number, func(user deniedUser, number uint32) int {
		return cmp.Compare(user.number, number)
	})
}

func eachWindow(windows uint64, f func(w int)) {
	for ; windows != 0; windows &= windows - 1 {
		f(bits.TrailingZeros64(windows))
	}
}

// leaveOut takes back what was counted of some denied users.
func (k *checkedKey) leaveOut(is func(number int) bool) {
	k.denied = slices.DeleteFunc(k.denied, func(user deniedUser) bool {
		if !is(int(user.number)) {
			return false
		}
		k.probed += float64(user.events)
		if user.granted == 0 {
			k.users--
		}
		eachWindow(user.in&^user.granted, func(w int) { k.judged[w]-- })
		return true
	})
}

// deniedIn returns in which windows a user was denied.
func (k *checkedKey) deniedIn(number uint32) uint64 {
	i, found := findDenied(k.denied, number)
	if !found {
		return 0
	}
	return k.denied[i].in
}

// counts are the denied checks, and all of them, without those that were denied to probers.
func (k *checkedKey) counts() (denied, checks float64) {
	return k.Denied.Events - k.probed, k.Checks - k.probed
}

// deniedEvents are those of the users that were not left out.
func (k *checkedKey) deniedEvents() (events float64) {
	for _, user := range k.denied {
		events += float64(user.events)
	}
	return events
}

// numbers are what is the same for keys that were always checked together.
type numbers struct {
	manager, action         string
	isNull                  bool // the attribute, which nothing is checked together with
	checks                  int64
	granted, denied, bypass moments
	users, deniedUsers      int64
	bypassedUsers           int64
}

// moments is an Outcome that can be compared.
type moments struct {
	events      int64
	first, last time.Time
}

func momentsOf(o query.Outcome) moments { return moments{rounded(o.Events), o.First, o.Last} }

func (k *checkedKey) numbers() numbers {
	return numbers{
		manager: k.manager, action: k.action, isNull: k.attributes[0] == "", checks: rounded(k.Checks),
		granted: momentsOf(k.Granted), denied: momentsOf(k.Denied), bypass: momentsOf(k.Bypassed),
		users: k.users, deniedUsers: int64(len(k.denied)), bypassedUsers: k.bypassed,
	}
}

// join makes one of the keys that were always checked together: all their numbers are the
// same. Then a user asked for one thing there, not for several.
func join(keys []*checkedKey, everyone crowd) []*checkedKey {
	slices.SortFunc(keys, compareKeys)
	first := make(map[numbers]*checkedKey, len(keys))
	var joined []*checkedKey
	for _, k := range keys {
		same, found := first[k.numbers()]
		if !found {
			first[k.numbers()] = k
			joined = append(joined, k)
			continue
		}
		same.attributes = append(same.attributes, k.attributes...)
		everyone.forget(k)
	}
	for _, k := range joined {
		k.others = nil
	}
	return joined
}

func compareKeys(a, b *checkedKey) int {
	return cmp.Or(
		cmp.Compare(a.manager, b.manager), cmp.Compare(a.action, b.action), slices.Compare(a.attributes, b.attributes),
	)
}

// grantedKeys is how many keys of each manager each user was granted.
type grantedKeys map[string]grantedUsers

// grantedUsers is that of one manager, by numbers of users.
type grantedUsers map[uint32]uint16

func (g grantedKeys) of(manager string) grantedUsers {
	if g[manager] == nil {
		g[manager] = make(grantedUsers)
	}
	return g[manager]
}

func (g grantedUsers) add(number uint32) {
	if g[number] < 1<<16-1 {
		g[number]++
	}
}

// elsewhere is how many of the denied users were granted another key of the manager.
func (g grantedKeys) elsewhere(k *checkedKey) (users int64) {
	of := g.of(k.manager)
	for _, user := range k.denied {
		here := 0
		if user.granted != 0 {
			here = len(k.attributes)
		}
		if int(of[user.number]) > here {
			users++
		}
	}
	return users
}

// span is the time of all checks.
func (s *suggester) span() (seen span) {
	found := false // the zero time is one, too
	for _, k := range s.keys {
		for _, o := range []query.Outcome{k.Granted, k.Denied, k.Bypassed} {
			if o.Events == 0 {
				continue
			}
			until := o.Last.Add(time.Microsecond)
			if !found || o.First.Before(seen.since) {
				seen.since = o.First
			}
			if !found || until.After(seen.until) {
				seen.until = until
			}
			found = true
		}
	}
	return seen
}
