package analysis

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// scannedNight has so many keys of 60 users, of which nothing has changed, and some users
// who are denied all of them by the candidate.
func scannedNight(keys, scanners int) night {
	var n night
	for key := range keys {
		name := fmt.Sprint("key", key)
		n.add("v1", name, 0, 60, 2, granted)
		n.add("v2", name, 0, 60, 2, granted)
		n.add("v2", name, 1000, scanners, 3, refused)
	}
	return n
}

// No deployment did what several scanners do.
func TestScannersAreNoAlerts(t *testing.T) {
	for _, scanners := range []int{1, 5, 8, 20} {
		c := scannedNight(12, scanners).compare(t, CompareOptions{})
		require.Empty(t, c.Alerts(), scanners)
		require.Len(t, c.Probers, scanners)
		require.Equal(t, Prober{User: "1000", Keys: 12, Asked: 12, Denied: 36}, c.Probers[0])
		for _, k := range c.Keys {
			require.Equal(t, VerdictUnchanged, k.Verdict)
			require.Equal(t, KeySide{Checks: 120, Users: 60, AllUsers: 60}, k.Candidate, "without the scanners")
		}
	}
}

// They hide nothing either.
func TestWhatIsBrokenIsFoundBesideScanners(t *testing.T) {
	n := scannedNight(12, 8)
	n.add("v1", "lost", 0, 40, 1, granted)
	n.add("v2", "lost", 0, 40, 1, refused)
	n.add("v2", "lost", 1000, 8, 1, refused)
	n.add("v1", "stricter", 0, 60, 1, granted)
	n.add("v2", "stricter", 0, 45, 1, granted)
	n.add("v2", "stricter", 45, 15, 1, refused)
	n.add("v1", "gone", 0, 40, 1, granted)
	n.add("v2", "gone", 1000, 8, 1, refused)
	c := n.compare(t, CompareOptions{})
	require.Len(t, c.Alerts(), 3)
	require.Equal(t, VerdictLostRule, c.of(t, "lost").Verdict)
	require.EqualValues(t, 40, c.of(t, "lost").Candidate.DeniedUsers)
	require.Equal(t, VerdictRegression, c.of(t, "stricter").Verdict)
	require.Equal(t, VerdictVanished, c.of(t, "gone").Verdict, "scanners are no users of it")
	require.Len(t, c.Probers, 8)
}

// Who is denied in many keys is no scanner if the baseline granted it, and if very many are.
func TestARegressionOfManyKeysIsNoScan(t *testing.T) {
	denied := func(first, users int) night {
		var n night
		for key := range 12 {
			name := fmt.Sprint("key", key)
			n.add("v1", name, 0, 60, 1, granted)
			n.add("v2", name, 0, 60, 1, granted)
			if first < 1000 { // whom the baseline knows
				n.add("v1", name, first, users, 1, granted)
			}
			n.add("v2", name, first, users, 1, refused)
		}
		return n
	}
	for name, n := range map[string]night{"8 contractors": denied(100, 8), "40 newcomers": denied(1000, 40)} {
		c := n.compare(t, CompareOptions{})
		require.Len(t, c.Alerts(), 12, name)
		require.Empty(t, c.Probers, name)
	}
	var n night // everything is broken, for a few newcomers too
	for key := range 12 {
		name := fmt.Sprint("key", key)
		n.add("v1", name, 0, 60, 1, granted)
		n.add("v2", name, 0, 60, 1, refused)
		n.add("v2", name, 1000, 8, 1, refused)
	}
	c := n.compare(t, CompareOptions{})
	require.Len(t, c.Alerts(), 12)
	require.Empty(t, c.Probers)
	require.EqualValues(t, 68, c.Keys[0].Candidate.DeniedUsers)
}
