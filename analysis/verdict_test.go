package analysis

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		baseline, candidate func(add func(first, users, times int, end ending))
		want                Verdict
		ratio               float64
	}{
		"granted to all, denied to all": {
			func(add func(int, int, int, ending)) { add(0, 20, 3, granted) },
			func(add func(int, int, int, ending)) { add(0, 20, 5, refused); add(20, 1, 1, skipped) },
			VerdictLostRule, 0,
		},
		"denied to all, though not all were granted": {
			func(add func(int, int, int, ending)) { add(0, 48, 1, granted); add(48, 2, 1, refused) },
			func(add func(int, int, int, ending)) { add(0, 50, 1, refused) },
			VerdictRegression, 25,
		},
		"one grant is left": {
			func(add func(int, int, int, ending)) { add(0, 20, 3, granted) },
			func(add func(int, int, int, ending)) { add(0, 20, 5, refused); add(0, 1, 1, granted) },
			VerdictRegression, 0,
		},
		"a stricter rule": {
			func(add func(int, int, int, ending)) { add(0, 95, 2, granted); add(95, 5, 2, refused) },
			func(add func(int, int, int, ending)) { add(0, 70, 2, granted); add(70, 30, 2, refused) },
			VerdictRegression, 6,
		},
		"significant, but small": {
			func(add func(int, int, int, ending)) { add(0, 8000, 1, granted); add(8000, 2000, 1, refused) },
			func(add func(int, int, int, ending)) { add(0, 7000, 1, granted); add(7000, 3000, 1, refused) },
			VerdictUnchanged, 1.5,
		},
		"retries are no news": {
			func(add func(int, int, int, ending)) { add(0, 95, 2, granted); add(95, 5, 1, refused) },
			func(add func(int, int, int, ending)) { add(0, 95, 2, granted); add(95, 5, 15, refused) },
			VerdictUnchanged, 1,
		},
		"a new key that is denied": {
			func(func(int, int, int, ending)) {},
			func(add func(int, int, int, ending)) { add(0, 10, 1, granted); add(10, 20, 1, refused) },
			VerdictNewDenial, 0,
		},
		"a new key that is denied as others are": {
			func(func(int, int, int, ending)) {},
			func(add func(int, int, int, ending)) { add(0, 90, 1, granted); add(90, 10, 1, refused) },
			VerdictUnchanged, 0,
		},
		"a new key of which little is known": {
			func(func(int, int, int, ending)) {},
			func(add func(int, int, int, ending)) { add(0, 3, 9, refused) },
			VerdictTooFew, 0,
		},
		"nobody asks any more": {
			func(add func(int, int, int, ending)) { add(0, 20, 1, granted) },
			func(func(int, int, int, ending)) {},
			VerdictVanished, 0,
		},
		"nobody asks any more, which may be chance": {
			func(add func(int, int, int, ending)) { add(0, 19, 1, granted) },
			func(func(int, int, int, ending)) {},
			VerdictTooFew, 0,
		},
		"superusers everywhere": {
			func(add func(int, int, int, ending)) { add(0, 48, 1, granted); add(48, 2, 1, skipped) },
			func(add func(int, int, int, ending)) { add(0, 20, 1, granted); add(20, 30, 1, skipped) },
			VerdictBypassUp, 15,
		},
		"one client hammers": {
			func(add func(int, int, int, ending)) { add(0, 50, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 49, 1, granted); add(49, 1, 100, refused) },
			VerdictRetryLoop, 0,
		},
		"one client tries for a while": {
			func(add func(int, int, int, ending)) { add(0, 50, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 49, 1, granted); add(49, 1, 99, refused) },
			VerdictUnchanged, 0,
		},
		"four clients hammer": {
			func(add func(int, int, int, ending)) { add(0, 50, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 46, 1, granted); add(46, 4, 100, refused) },
			VerdictUnchanged, 0,
		},
		"a rule that was missing": {
			func(add func(int, int, int, ending)) { add(0, 10, 1, granted); add(10, 30, 1, refused) },
			func(add func(int, int, int, ending)) { add(0, 38, 1, granted); add(38, 2, 1, refused) },
			VerdictImprovement, 0.0666,
		},
		"two of thirty came, and were denied": {
			func(add func(int, int, int, ending)) { add(0, 30, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 2, 1, refused) },
			VerdictTooFew, 0,
		},
		"next to nobody asks any more": {
			func(add func(int, int, int, ending)) { add(0, 60, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 1, 1, granted); add(2, 1, 1, skipped) },
			VerdictVanished, 0,
		},
		"few ask any more": {
			func(add func(int, int, int, ending)) { add(0, 60, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 4, 1, granted) },
			VerdictUnchanged, 0,
		},
		"superusers are denied": {
			func(add func(int, int, int, ending)) { add(0, 60, 1, skipped) },
			func(add func(int, int, int, ending)) { add(0, 60, 1, refused) },
			VerdictNewDenial, 0,
		},
		"three of a thousand came, and were denied": {
			func(add func(int, int, int, ending)) { add(0, 1000, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 3, 1, refused) },
			VerdictLostRule, 0,
		},
		"too few to know": {
			func(add func(int, int, int, ending)) { add(0, 4, 1, granted) },
			func(add func(int, int, int, ending)) { add(0, 4, 1, refused) },
			VerdictTooFew, 0,
		},
		"always denied": {
			func(add func(int, int, int, ending)) { add(0, 40, 1, refused) },
			func(add func(int, int, int, ending)) { add(0, 40, 1, refused) },
			VerdictUnchanged, 1,
		},
		"each asks four times as often": {
			func(add func(int, int, int, ending)) {
				add(0, 180, 5, granted)
				add(180, 20, 1, refused)
				add(180, 20, 4, granted)
			},
			func(add func(int, int, int, ending)) {
				add(0, 130, 20, granted)
				add(130, 70, 1, refused)
				add(130, 70, 19, granted)
			},
			VerdictUnchanged, 3.5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := quiet()
			c.baseline(func(first, users, times int, end ending) { n.add("v1", "it", first, users, times, end) })
			c.candidate(func(first, users, times int, end ending) { n.add("v2", "it", first, users, times, end) })
			comparison := n.compare(t, CompareOptions{})
			it := comparison.of(t, "it")
			require.Equal(t, c.want, it.Verdict, "%+v", it)
			require.InDelta(t, c.ratio, it.Ratio, 1e-3)
			if c.want.IsAlert() {
				require.Equal(t, []KeyVerdict{it}, comparison.Alerts())
				require.Equal(t, it, comparison.Keys[0])
				require.LessOrEqual(t, it.Q, 0.05)
			} else {
				require.Empty(t, comparison.Alerts())
			}
			require.Len(t, comparison.Keys, 41)
		})
	}
}

func TestNumbersOfAVerdict(t *testing.T) {
	n := quiet()
	n.add("v1", "it", 0, 80, 3, granted)
	n.add("v1", "it", 0, 2, 4, refused)
	n.add("v2", "it", 0, 60, 1, granted)
	n.add("v2", "it", 60, 22, 6, refused)
	n.add("v2", "it", 90, 3, 2, skipped)
	n.add("v2", "it", 80, 2, 1, skipped)
	it := n.compare(t, CompareOptions{}).of(t, "it")
	require.Equal(t, KeySide{Checks: 248, Denied: 8, Users: 80, DeniedUsers: 2, AllUsers: 80}, it.Baseline)
	require.Equal(t, KeySide{Checks: 200, Denied: 132, Bypassed: 8, Users: 82, DeniedUsers: 22, BypassedUsers: 5, AllUsers: 85}, it.Candidate)
	require.InDelta(t, 22.0/82/(2.0/80), it.Ratio, 1e-12)
	require.InDelta(t, math.Pow(3, -78.0/80)*math.Pow(4, -2.0/80), it.Exposure, 1e-3)
	text, err := json.Marshal(it)
	require.NoError(t, err)
	require.Regexp(t, `^{"manager":"Project","action":"update","attribute":"it","verdict":"regression","alert":true,`+
		`"baseline":{"checks":248,"denied":8,"users":80,"denied_users":2,"bypassed":0,"bypassed_users":0,"all_users":80},`+
		`"candidate":{"checks":200,"denied":132,"users":82,"denied_users":22,"bypassed":8,"bypassed_users":5,"all_users":85},`+
		`"ratio":10.7,"q":[0-9.e-]{4,8}}$`, string(text))
}

func TestJSONOfAVerdictHasWhatIsKnown(t *testing.T) {
	side := `{"checks":0,"denied":0,"users":0,"denied_users":0,"bypassed":0,"bypassed_users":0,"all_users":0}`
	sides := `"baseline":` + side + `,"candidate":` + side
	by := []string{"manager", "metadata.k"}
	for want, k := range map[string]KeyVerdict{
		`"verdict":"lost_rule","alert":true,` + sides + `,"ratio":null,"q":1.23e-300`: {
			Verdict: VerdictLostRule, Q: 1.23456e-300,
		},
		`"verdict":"regression","alert":false,` + sides + `,"ratio":2,"q":0.01,"denied_with":{"manager":"a","metadata.k":null}`: {
			Verdict: VerdictRegression, Ratio: 2, Q: 0.01, DeniedWith: []string{"a", ""},
		},
		`"verdict":"regression","alert":false,` + sides + `,"ratio":2,"q":0.01,"acknowledged":{"owner":"o","reason":"r","expires":"0001-01-01T00:00:00Z"}`: {
			Verdict: VerdictRegression, Ratio: 2, Q: 0.01, Acknowledged: &Acknowledgment{Owner: "o", Reason: "r"},
		},
		`"verdict":"retry_loop","alert":false,` + sides + `,"ratio":null,"q":null,"loop_users":["9"]`: {
			Verdict: VerdictRetryLoop, Q: 1, Users: []string{"9"},
		},
		`"verdict":"too_few","alert":false,` + sides + `,"ratio":null,"q":1`: {
			Verdict: VerdictTooFew, Q: 1,
		},
	} {
		k.Key, k.by = []string{"", "x"}, by
		text, err := json.Marshal(k)
		require.NoError(t, err)
		require.Equal(t, `{"manager":null,"metadata.k":"x",`+want+"}", string(text))
	}
}
