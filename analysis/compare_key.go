package analysis

import (
	"math"
	"math/bits"

	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// The two sides, as sets of query.UserGrouper.
const (
	inBaseline = iota
	inCandidate
	sides
)

// comparedKey is a key of a comparison: what was counted, and what is concluded.
type comparedKey struct {
	key    []string
	side   [sides]keyCounts // without probers
	whole  keyCounts        // the candidate's, with them
	denied []deniedUser     // of the candidate, probers as well, by number, ascending

	loopUsers  []string // those of the candidate who may be in a loop, up to one more than it has
	loopEvents float64  // denied to them
	// deniedWith is how many of the candidate's denied checks have another key, too.
	deniedWith map[string]float64 // by counting.AppendKey

	tests [kinds]test
}

// keyCounts is what was counted on one side. Users count once in every window.
type keyCounts struct {
	query.SetCounts

	users    int64   // of any check
	judged   int64   // of whom the rules decided something
	denied   int64   // of judged
	bypassed int64   // of users
	seen     uint64  // the windows in which there are users
	tries    float64 // that were denied, up to mostTries of a user in a window
	once     float64 // checks; in a window a user's denied ones are one
	logs     logs    // of judged
	every    logs    // of users
}

// logs are the logarithms of how often users were checked.
type logs struct {
	users int64
	sum   float64
}

// newComparedKey counts the users of a group, and adds them to everyone.
func newComparedKey(group *query.UserGroup, everyone *crowd) *comparedKey {
	k := &comparedKey{key: group.Key}
	for i := range k.side {
		k.side[i].SetCounts = group.Sets[i]
	}
	for user := range group.Users {
		if user.Set >= sides { // of both, which is an error
			continue
		}
		k.side[user.Set].add(&user)
		if user.Set == inCandidate && user.Denied.Windows != 0 {
			k.denied = append(k.denied, newDeniedUser(&user))
			if user.Denied.Events >= loopEach && len(k.loopUsers) <= loopUsers {
				k.loopUsers = append(k.loopUsers, user.User)
				k.loopEvents += user.Denied.Events
			}
		}
		everyone.add(&user)
	}
	sortDenied(k.denied)
	k.whole = k.side[inCandidate]
	for key, events := range group.Sets[inCandidate].DeniedWith {
		if k.deniedWith == nil {
			k.deniedWith = make(map[string]float64)
		}
		k.deniedWith[string(counting.AppendKey(nil, key))] = events
	}
	return k
}

// leaveOut has the candidate's counts without some of the denied users.
func (k *comparedKey) leaveOut(is func(number int) bool) {
	c := k.whole
	for _, user := range k.denied {
		if is(int(user.number)) {
			c.leaveOut(&user)
		}
	}
	k.side[inCandidate] = c
}

// leaveOut takes back what was counted of a denied user, but for what was granted.
func (c *keyCounts) leaveOut(user *deniedUser) {
	events, denied, judged := float64(user.events), count(user.in), count(user.in&^user.granted)
	c.users -= judged
	c.judged -= judged
	c.denied -= denied
	c.tries -= min(events, mostTries*float64(denied))
	c.once -= float64(denied)
	c.logs.users -= judged // each was checked once: see add
	c.every.users -= judged
	c.Denied.Events = max(0, c.Denied.Events-events)
	c.Checks = max(0, c.Checks-events)
}

func (c *keyCounts) add(user *query.UserCounts) {
	judged := user.Granted.Windows | user.Denied.Windows
	seen := judged | user.Bypassed.Windows
	c.seen |= seen
	c.users += count(seen)
	c.bypassed += count(user.Bypassed.Windows)
	n, denied := count(judged), count(user.Denied.Windows)
	// Who is denied tries again, as often as the client likes: in a window that is
	// one check.
	checks := user.Granted.Events + float64(denied)
	c.once += checks + user.Bypassed.Events
	c.logs.add(n, checks)
	c.every.add(count(seen), checks+user.Bypassed.Events)
	c.judged += n
	c.denied += denied
	c.tries += min(user.Denied.Events, mostTries*float64(denied))
}

// add adds a user who was checked so often in so many windows.
func (l *logs) add(windows int64, checks float64) {
	if windows > 0 {
		l.users += windows
		if each := checks / float64(windows); each > 1 { // the logarithm of 1 is 0
			l.sum += float64(windows) * math.Log(each)
		}
	}
}

// ratioOf is how many times more often each user was checked than in the baseline, in
// the geometric mean, which a few busy users do not move. 0: a side has no users.
func ratioOf(baseline, candidate logs) float64 {
	if baseline.users == 0 || candidate.users == 0 {
		return 0
	}
	ratio := math.Exp(candidate.sum/float64(candidate.users) - baseline.sum/float64(baseline.users))
	return math.Round(ratio*1000) / 1000 // whatever the order of adding was
}

func count(windows uint64) int64 { return int64(bits.OnesCount64(windows)) }

// exposure is the ratio of those of whom the rules decided something.
func (k *comparedKey) exposure() float64 {
	return ratioOf(k.side[inBaseline].logs, k.side[inCandidate].logs)
}

// keySide is what is reported of a side.
func (c *keyCounts) keySide() KeySide {
	return KeySide{
		Checks: rounded(c.Checks), Denied: rounded(c.Denied.Events), Bypassed: rounded(c.Bypassed.Events),
		Users: c.judged, DeniedUsers: c.denied, BypassedUsers: c.bypassed, AllUsers: c.users,
	}
}

// steady rounds a share or a ratio, so that the order of adding does not matter.
func steady(x float64) float64 { return math.Round(x*1e6) / 1e6 }

func rounded(x float64) int64 { return int64(math.Round(x)) }
