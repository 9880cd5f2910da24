package truth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/permaudit/audit"
)

// What every world has.
const (
	Keys         = 200
	users        = 1500
	managers     = 20
	attributes   = 5 // of a manager, each with two actions
	takesPart    = 0.7
	mostDenied   = 0.95 // no check is denied more often, unless everything is
	tries        = 5    // of a client that is denied, in the mean
	denialSpread = 10   // how many times more often some users are denied than others
)

// habits are what worlds differ in.
type habits struct {
	retries    bool    // clients that are denied try again
	superusers float64 // the share of the users
	bypass     float64 // so much of what they do is not asked of the rules
	together   bool    // checks have several attributes
	outsiders  bool    // who is denied lacks a role, and is denied whenever he tries
	moody      float64 // the sigma of the logarithm of each key's denial rate, from night to night
}

// world is what does not change from night to night.
type world struct {
	habits

	random *rand.Rand
	keys   []key
	users  []user // the regular ones, and as many newcomers

	requests []request // of the nights so far
}

// key is what checks have in common.
type key struct {
	manager    string
	action     audit.Action
	attributes [][]string // lists that its checks have, all of them with its own
	denied     float64    // the base rate at which its checks are denied, 0.2 % to 20 %
	members    []member
	newcomers  []member
}

// user is somebody who is checked.
type user struct {
	id      string
	prone   float64 // how many times more often he is denied than the base rate says
	isSuper bool
}

// member is a user of a key.
type member struct {
	user   int
	checks float64 // how many he makes of the key in a night in which he takes part, in the mean
	fate   float64 // from 0 to 1: an outsider if it is small
}

// names are those of users.
var names = func() (names [2 * users]string) {
	for i := range names {
		names[i] = "u" + strconv.Itoa(i)
	}
	return names
}()

// newWorld makes up a world. Its keys are in the order of their size: half of them have
// four users a night and fewer, a few have hundreds.
func newWorld(random *rand.Rand, h habits) *world {
	w := &world{habits: h, random: random, users: make([]user, 2*users)}
	for i := range w.users {
		w.users[i] = user{
			id: names[i], prone: math.Pow(denialSpread, random.Float64()-0.5), isSuper: random.Float64() < h.superusers,
		}
	}
	w.keys = make([]key, Keys)
	for i := range w.keys {
		w.keys[i] = w.newKey(i)
	}
	return w
}

func (w *world) newKey(i int) key {
	const smallest, greatest, tail = 2.0, 400.0, 0.8
	quantile := (float64(i) + 0.5) / Keys * (1 - math.Pow(smallest/greatest, tail))
	size := smallest * math.Pow(1-quantile, -1/tail) // users a night
	k := key{
		manager: fmt.Sprint("Manager", i%managers),
		action:  []audit.Action{audit.ActionUpdate, audit.ActionRead}[i/managers%2],
		denied:  0.002 * math.Pow(100, w.random.Float64()),
	}
	own := i / managers / 2
	k.attributes = [][]string{{attribute(own)}}
	if w.together {
		for range 7 { // one to three others
			list := []string{attribute(own)}
			for n := range 1 + w.random.IntN(3) {
				list = append(list, attribute(own+n+1))
			}
			k.attributes = append(k.attributes, list)
		}
	}
	k.members = w.members(0, int(math.Round(size/takesPart)))
	k.newcomers = w.members(users, len(k.members))
	return k
}

func attribute(i int) string { return string(rune('a' + i%attributes)) }

// members draws users, from first on. Most make one check or a few, some make dozens.
func (w *world) members(first, n int) []member {
	members := make([]member, n)
	for i, u := range sample(w.random, users, n) {
		members[i] = member{user: first + u, checks: min(100, math.Pow(1-w.random.Float64(), -1/1.5)), fate: w.random.Float64()}
	}
	return members
}

// sample draws n different numbers below all (Floyd 1987).
func sample(random *rand.Rand, all, n int) []int {
	drawn := make([]int, 0, n)
	seen := make([]bool, all)
	for top := all - n; top < all; top++ {
		x := random.IntN(top + 1)
		if seen[x] {
			x = top
		}
		seen[x] = true
		drawn = append(drawn, x)
	}
	return drawn
}

// poisson draws a number with that mean.
func poisson(random *rand.Rand, mean float64) int {
	n := 0
	for ; mean > 500; mean -= 500 { // else exp underflows
		n += poisson(random, 500)
	}
	least := math.Exp(-mean)
	for left := random.Float64(); left > least; n++ {
		left *= random.Float64()
	}
	return n
}
