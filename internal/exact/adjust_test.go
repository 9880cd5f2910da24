package exact

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// naive is the definition, word by word.
func naive(p, least []float64, alpha float64) (q []float64, tested int) {
	count := func(k int) (n int) {
		for i := range p {
			if least[i] <= alpha/float64(k) {
				n++
			}
		}
		return n
	}
	k := 1
	for count(k) > k {
		k++
	}
	tested = count(k)
	for i := range p {
		q = append(q, 1)
		if least[i] > alpha/float64(k) {
			continue
		}
		for j := range p { // reject all up to p[j], which is not below p[i]
			if p[j] < p[i] || least[j] > alpha/float64(k) {
				continue
			}
			rank := 0
			for l := range p {
				if p[l] <= p[j] && least[l] <= alpha/float64(k) {
					rank++
				}
			}
			q[i] = min(q[i], p[j]*float64(tested)/float64(rank))
		}
	}
	return q, tested
}

// random are p-values with many ties, and least ones that are not above them.
func random(source *rand.Rand, n int) (p, least []float64) {
	for range n {
		value := math.Pow(10, -float64(source.IntN(6))) * float64(1+source.IntN(10)) / 10
		p = append(p, value)
		least = append(least, value*float64(source.IntN(3))/2)
	}
	return p, least
}

func TestAdjustIsItsDefinition(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	fewer := 0
	for range 2000 {
		p, least := random(source, source.IntN(30))
		alpha := []float64{0.01, 0.05, 0.3, 1}[source.IntN(4)]
		want, tested := naive(p, least, alpha)
		adjusted := Adjust(p, least, alpha)
		require.Equal(t, tested, adjusted.Tested, "%v %v", p, least)
		require.InDeltaSlice(t, append(want, 0), append(adjusted.Q, 0), 1e-15, "%v %v", p, least)
		if tested > 0 && tested < len(p) {
			fewer++
		}
	}
	require.Greater(t, fewer, 500) // the correction for fewer was tried
}

func TestAdjustKeepsOrderAndArguments(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		p, least := random(source, 50)
		pBefore, leastBefore := slices.Clone(p), slices.Clone(least)
		q := Adjust(p, nil, 0.05).Q
		shuffled := source.Perm(50)
		other := make([]float64, 50)
		for to, from := range shuffled {
			other[to] = p[from]
		}
		for to, value := range Adjust(other, nil, 0.05).Q {
			require.InDelta(t, q[shuffled[to]], value, 0)
		}
		for i := range p {
			require.True(t, q[i] >= p[i] && q[i] <= 1, "%v", p)
			for j := range p {
				require.True(t, p[i] > p[j] || q[i] <= q[j], "%v", p) // the same p, the same q
			}
		}
		Adjust(p, least, 0.05)
		require.Equal(t, pBefore, p)
		require.Equal(t, leastBefore, least)
	}
}

func TestValuesThatAreNoProbabilityCountAsOne(t *testing.T) {
	for _, bad := range []float64{math.NaN(), -0.1, 1.1, math.Inf(1), math.Inf(-1)} {
		require.Equal(t, Adjust([]float64{0.01, 1, 0.02}, nil, 0.05), Adjust([]float64{0.01, bad, 0.02}, nil, 0.05), bad)
		require.Equal(t, Adjust([]float64{0.01, 0.1, 0.02}, []float64{0, 1, 0}, 0.05), Adjust([]float64{0.01, 0.1, 0.02}, []float64{0, bad, 0}, 0.05), bad)
		if bad != 1 {
			require.Equal(t, Adjusted{Q: []float64{1, 1}}, Adjust([]float64{0, 0.5}, nil, bad), "alpha %v", bad)
		}
	}
	require.Equal(t, Adjusted{Q: []float64{1}}, Adjust([]float64{0}, nil, 0), "alpha 0")
}

func TestMissingLeastCountsAsZero(t *testing.T) {
	p := []float64{0.01, 0.02, 0.03}
	require.Equal(t, Adjust(p, []float64{0, 0, 0}, 0.05), Adjust(p, nil, 0.05))
	require.Equal(t, Adjust(p, []float64{1, 0, 0}, 0.05), Adjust(p, []float64{1}, 0.05))
	require.Equal(t, Adjust(p, []float64{1, 0, 0}, 0.05), Adjust(p, []float64{1, 0, 0, 0, 0}, 0.05))
	require.Equal(t, Adjusted{Q: []float64{}, Cutoff: 0.05}, Adjust(nil, nil, 0.05))
}

func FuzzAdjust(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 255, 0}, 0.05)
	f.Fuzz(func(t *testing.T, bytes []byte, alpha float64) {
		bytes = bytes[:min(len(bytes), 60)]
		var p, least []float64
		for i, b := range bytes {
			if i%2 == 0 {
				p = append(p, float64(b)/255)
			} else {
				least = append(least, float64(b)/2550)
			}
		}
		adjusted := Adjust(p, least, alpha)
		require.Len(t, adjusted.Q, len(p))
		for _, q := range adjusted.Q {
			require.True(t, q >= 0 && q <= 1, "%v", adjusted.Q)
		}
		if alpha > 0 && alpha <= 1 {
			want, tested := naive(p, append(least, 0), alpha)
			require.Equal(t, tested, adjusted.Tested)
			require.InDeltaSlice(t, append(want, 0), append(adjusted.Q, 0), 1e-15)
		}
	})
}
