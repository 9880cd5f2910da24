package counting

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// BenchmarkAdd counts checks of 10,000 users in 820 keys: millions of shares, which no
// cache holds.
func BenchmarkAdd(b *testing.B) {
	counted := NewByUser(1)
	groups := make([]*UserGroup, 820)
	for i := range groups {
		groups[i] = counted.Group([]string{strconv.Itoa(i)})
	}
	random := rand.New(rand.NewPCG(1, 2))
	check := Check{Weight: 1}
	for b.Loop() {
		i := random.IntN(len(groups))
		check.User, check.Granted = random.Uint32N(10_000), random.IntN(5) > 0
		counted.Add(groups[i:i+1], &check)
	}
}
