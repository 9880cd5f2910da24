package truth

import (
	"math"
	"time"
)

// side is a deployment.
type side uint8

const (
	baseline side = iota
	candidate
)

// night is a time in which a deployment is used, or two at once.
type night struct {
	begin  time.Duration // after Begin
	length time.Duration
	side   side
	canary float64 // so large a share of the requests is the candidate's; 0: all are those of side

	often     float64         // checks of each user, times as many; 0 stands for 1
	busy      map[int]float64 // the same of some keys
	newcomers bool            // as many new users come as there were
	seasons   *seasons        // how hours and weekdays differ; nil: they do not
	changes   map[int]change  // by key: what the night is about
}

// change is what has become different in a key.
type change struct {
	everything bool    // is denied
	rise       float64 // the share of its users who are denied, times as much
	gone       bool
	bypass     float64 // so large a share of its users bypasses the rules once more
	loop       int     // one user more is denied so many times,
	loopers    int     // or so many users more
}

// request is one check, as somebody asks for it; each try of it is one.
type request struct {
	at       int64 // microseconds after Begin
	key      int
	with     int // which of the key's lists of attributes
	side     side
	bypassed bool
	denied   bool
	user     int
}

// tally is what a night has of a key; a canary's are of its side.
type tally struct {
	users, denied, bypassed int  // distinct ones; users and denied of what the rules decided
	checks, refused         int  // those; a check that is tried again is one
	cannot                  bool // so many cannot be denied
}

// visit is what a member does in a night.
type visit struct {
	*member
	checks int     // that the rules decide
	bypass int     // that they do not
	denied float64 // the probability of each
}

// live makes the requests of a night.
func (w *world) live(n *night) []tally {
	tallies := make([]tally, len(w.keys))
	var visits []visit
	for i := range w.keys {
		change := n.changes[i]
		if change.gone {
			continue
		}
		visits = w.visits(visits[:0], n, i)
		if change.rise > 0 {
			tallies[i].cannot = !raise(visits, change.rise)
		}
		for j := range visits {
			w.visit(n, i, &visits[j], change, &tallies[i])
		}
		if change.loop > 0 {
			for looper := range max(1, change.loopers) {
				at := w.moment(n)
				for range change.loop {
					w.requests = append(w.requests, request{at: at.Microseconds(), key: i, side: n.side, user: w.stranger(looper), denied: true})
					at += 2 * time.Second
				}
			}
		}
	}
	return tallies
}

// strangers are so many users who are in no key.
const strangers = 8

func (w *world) stranger(i int) int { return len(w.users) - 1 - i }

// visits draws who takes part in a key.
func (w *world) visits(visits []visit, n *night, index int) []visit {
	k := &w.keys[index]
	often := max(n.often, 1) * max(n.busy[index], 1)
	base := k.denied * math.Exp(w.moody*w.random.NormFloat64())
	for _, members := range [][]member{k.members, k.newcomers} {
		for i := range members {
			m := &members[i]
			if w.random.Float64() > takesPart {
				continue
			}
			v := visit{member: m, checks: 1 + poisson(w.random, m.checks*often-1)}
			if w.users[m.user].isSuper {
				for range v.checks {
					if w.random.Float64() < w.bypass {
						v.checks--
						v.bypass++
					}
				}
			}
			v.denied = min(mostDenied, base*w.users[m.user].prone)
			if w.outsiders {
				v.denied = 0
				if m.fate < min(mostDenied, 2*base*w.users[m.user].prone) {
					v.denied = mostDenied
				}
			}
			visits = append(visits, v)
		}
		if !n.newcomers {
			break
		}
	}
	return visits
}

// visit makes the requests of a member.
func (w *world) visit(n *night, index int, v *visit, change change, t *tally) {
	refused, isSeen := 0, false
	for i := range v.checks + v.bypass {
		at := w.moment(n)
		r := request{
			at: at.Microseconds(), key: index, user: v.user, bypassed: i >= v.checks,
			with: w.random.IntN(len(w.keys[index].attributes)),
		}
		p := v.denied
		if n.seasons != nil {
			p = min(mostDenied, p*n.seasons.denied(at))
		}
		isDenied, wasDenied := !r.bypassed && w.random.Float64() < p, false
		for again := true; again; {
			r.side = w.sideOf(n)
			r.denied = isDenied || change.everything && r.side == candidate && !r.bypassed
			w.requests = append(w.requests, r)
			isSeen = isSeen || r.side == n.side && !r.bypassed
			wasDenied = wasDenied || r.side == n.side && r.denied
			again = r.denied && w.retries && w.random.Float64() < 1-1.0/tries
			r.at += (1 + w.random.Int64N(10)) * time.Second.Microseconds()
		}
		if wasDenied {
			refused++
		}
	}
	if v.bypass == 0 && w.random.Float64() < change.bypass {
		v.bypass = 1
		w.requests = append(w.requests, request{
			at: w.moment(n).Microseconds(), key: index, side: w.sideOf(n), user: v.user, bypassed: true,
		})
	}
	if isSeen {
		t.users++
	}
	t.checks += v.checks
	t.refused += refused
	if refused > 0 {
		t.denied++
	}
	if v.bypass > 0 {
		t.bypassed++
	}
}

// sideOf is where a request goes: of a canary, each try goes to one side or the other.
func (w *world) sideOf(n *night) side {
	switch {
	case n.canary == 0:
		return n.side
	case w.random.Float64() < n.canary:
		return candidate
	default:
		return baseline
	}
}

// moment is some time of the night.
func (w *world) moment(n *night) time.Duration {
	if n.seasons != nil {
		return n.seasons.moment(w.random, n.begin, n.length)
	}
	return n.begin + time.Duration(w.random.Int64N(int64(n.length)))
}

// raise makes the share of the visitors who are denied times as large as it is expected to
// be, by a common power of the probability that a check is granted. It cannot if that is
// more than 90 % of them.
func raise(visits []visit, times float64) (can bool) {
	low, high := 0.0, 1e3
	if times < 1 {
		high = 1
	}
	goal := times * expected(visits, 1)
	if goal > 0.9*float64(len(visits)) {
		return false
	}
	for range 60 {
		middle := (low + high) / 2
		if expected(visits, middle) < goal {
			low = middle
		} else {
			high = middle
		}
	}
	for i := range visits {
		visits[i].denied = 1 - math.Pow(1-visits[i].denied, high)
	}
	return true
}

// expected is how many of the visitors are denied in the mean, if each check is granted
// with the power-th power of its probability.
func expected(visits []visit, power float64) float64 {
	sum := 0.0
	for i := range visits {
		sum += 1 - math.Pow(1-visits[i].denied, power*float64(visits[i].checks))
	}
	return sum
}
