package counting

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checks adds n checks of some users and keys, which are the same for the same seed.
func checks(b *ByUser, n int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	for range n {
		user := fmt.Sprint("u", random.IntN(500))
		check := Check{
			Set: random.IntN(2), Window: random.IntN(64), User: b.Users.Number([]byte(user)), Anonymous: random.IntN(10) == 0,
			Granted: random.IntN(2) == 0, Bypassed: random.IntN(3) == 0, Weight: float64(1 + random.IntN(3)), At: int64(random.IntN(1000)),
		}
		check.Sampled = check.Weight > 1
		groups := []*UserGroup{b.Group([]string{fmt.Sprint(random.IntN(5)), ""})}
		if other := b.Group([]string{fmt.Sprint(random.IntN(5)), ""}); other != groups[0] {
			groups = append(groups, other)
		}
		b.Add(groups, &check)
	}
}

// texts are what was counted, sorted.
func texts(b *ByUser) []string {
	all := []string{}
	outcome := func(o *Outcome) string { return fmt.Sprint(o.Events, o.First, o.Last) }
	for _, group := range b.Groups() {
		for i := range group.Sets {
			s := &group.Sets[i]
			all = append(all, fmt.Sprint(group.Key, i, s.Checks, s.Sampled, s.Anonymous, outcome(&s.Granted), outcome(&s.Denied), outcome(&s.Bypassed)))
			s.Each(func(user uint32, granted, denied, bypassed UserShare) bool {
				all = append(all, fmt.Sprint(group.Key, i, b.Users.Names[user], granted, denied, bypassed))
				return true
			})
			for other, events := range s.Together() {
				all = append(all, fmt.Sprint(group.Key, i, "with", other.Key, events))
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestWhatIsAbsorbedIsAsIfCountedHere(t *testing.T) {
	all, one, other := NewByUser(2), NewByUser(2), NewByUser(2)
	checks(all, 3000, 1)
	checks(all, 2000, 2)
	checks(one, 3000, 1)
	checks(other, 2000, 2)
	one.Absorb(other)
	require.Equal(t, texts(all), texts(one))
	empty := NewByUser(2)
	empty.Absorb(all)
	empty.Absorb(NewByUser(2))
	require.Equal(t, texts(all), texts(empty))
}

// A check of a thousand attributes would have a million pairs.
func TestPairsAreCountedOfChecksWithFewGroupsOnly(t *testing.T) {
	for n, want := range map[int]int{2: 1, 32: 31, 33: 0, 1000: 0} {
		b := NewByUser(1)
		groups := make([]*UserGroup, n)
		for i := range groups {
			groups[i] = b.Group([]string{fmt.Sprint(i)})
		}
		b.Add(groups, &Check{Weight: 1})
		for _, group := range groups {
			require.Len(t, group.Sets[0].together, want, n)
			require.InDelta(t, 1, group.Sets[0].Denied.Events, 0, "it is denied in each, however many they are")
		}
	}
}

func TestEachUserIsHandedOutOnce(t *testing.T) {
	b := NewByUser(1)
	group := b.Group(nil)
	want := map[uint32][3]float64{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		c := Check{User: random.Uint32N(1000), Granted: random.IntN(2) == 0, Bypassed: random.IntN(2) == 0, Weight: 2}
		b.Add([]*UserGroup{group}, &c)
		w := want[c.User]
		for i, is := range []bool{c.Granted && !c.Bypassed, !c.Granted, c.Bypassed} {
			if is {
				w[i] += c.Weight
			}
		}
		want[c.User] = w
	}
	got := map[uint32][3]float64{}
	b.Groups() // settles
	group.Sets[0].Each(func(user uint32, granted, denied, bypassed UserShare) bool {
		require.NotContains(t, got, user)
		got[user] = [3]float64{granted.Events, denied.Events, bypassed.Events}
		return true
	})
	require.Equal(t, want, got)
	n := 0
	require.False(t, group.Sets[0].Each(func(uint32, UserShare, UserShare, UserShare) bool { n++; return n < 700 }))
	require.Equal(t, 700, n)
}

func TestSharesAreSummedUp(t *testing.T) {
	var s shares
	s.add(7, UserShare{1, 1 << 1})
	s.add(7, UserShare{0.5, 1 << 63})
	require.Equal(t, UserShare{1.5, 1<<63 | 1<<1}, s.of(7))
	require.Zero(t, s.of(8))
	require.False(t, s.has(8))
}

// A service account may have more checks than a float32 can count.
func TestManyChecksOfOneUserAreCounted(t *testing.T) {
	var s shares
	s.add(0, UserShare{1 << 24, 1})
	s.add(0, UserShare{1, 1})
	require.InDelta(t, 1<<24+1, s.of(0).Events, 0)
}

// The same checks ten times over take no more memory than once.
func TestMemoryGrowsWithPairsOnly(t *testing.T) {
	b := NewByUser(2)
	sizes := func() (places, pairs int) {
		for _, group := range b.Groups() {
			for i := range group.Sets {
				for _, o := range []*Outcome{&group.Sets[i].Granted, &group.Sets[i].Denied, &group.Sets[i].Bypassed} {
					places += len(o.users.places)
					pairs += o.users.n
				}
			}
		}
		return places, pairs
	}
	checks(b, 20_000, 1)
	places, pairs := sizes()
	require.Less(t, places, 3*pairs)
	require.LessOrEqual(t, pairs, 5*2*3*500)
	for range 9 {
		checks(b, 20_000, 1)
	}
	again, _ := sizes()
	require.Equal(t, places, again)
	require.Len(t, b.Users.Names, 500)

	key, check := []string{"0", ""}, Check{Weight: 1}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		check.User = b.Users.Number([]byte("u0"))
		b.Add([]*UserGroup{b.Group(key)}, &check)
	}))
}

func TestAMomentIsInOneWindowOrNone(t *testing.T) {
	w := Windows{{10, 20}, {20, 30}, {35, 35}, {40, 41}, {50, math.MaxInt64}}
	for at, want := range map[int64]int{9: -1, 10: 0, 19: 0, 20: 1, 29: 1, 30: -1, 35: -1, 40: 3, 41: -1, 50: 4, 1 << 60: 4, math.MinInt64: -1} {
		require.Equal(t, want, w.Index(at), at)
	}
	require.Equal(t, -1, Windows(nil).Index(0))
	require.Equal(t, 0, Windows{Always}.Index(math.MinInt64))
	inside := w.Within(Window{15, 40})
	for at, want := range map[int64]int{14: -1, 15: 0, 20: 1, 35: -1, 39: -1, 40: -1, 60: -1} {
		require.Equal(t, want, inside.Index(at), at)
	}
	require.Equal(t, Windows{{10, 30}, {40, 41}, {50, math.MaxInt64}}, w.Stretches())
	require.Equal(t, Windows{{15, 30}}, inside.Stretches())
	require.Empty(t, w.Within(Window{30, 35}).Stretches())
	require.Len(t, Windows{{1, 2}, {3, 4}}.Stretches(), 2)
}

func TestBoundsAreRoundedUpToMicroseconds(t *testing.T) {
	at := time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)
	require.Equal(t, at.UnixMicro(), Microsecond(at))
	require.Equal(t, at.UnixMicro()+1, Microsecond(at.Add(time.Nanosecond)))
	require.Equal(t, at, Bound(Microsecond(at)))
	require.Equal(t, Window{Microsecond(time.Unix(math.MinInt64/2, 0)), Microsecond(time.Unix(math.MaxInt64/2, 0))}, Always)
	require.True(t, Bound(Always.Since).IsZero())
	require.True(t, Bound(Always.Until).IsZero())
}
