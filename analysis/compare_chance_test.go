package analysis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// A rule that was lost is called so however often the few tried who had been denied.
func TestRetriesDoNotHideALostRule(t *testing.T) {
	n := quiet()
	n.add("v1", "it", 0, 150, 1, granted)
	n.add("v1", "it", 150, 1, 40, refused)
	n.add("v2", "it", 0, 150, 1, refused)
	require.Equal(t, VerdictLostRule, n.compare(t, CompareOptions{}).of(t, "it").Verdict)
}

func TestALoopIsSeenBesideOthersWhoAreDenied(t *testing.T) {
	for times, want := range map[int]Verdict{120: VerdictRetryLoop, 119: VerdictUnchanged} {
		n := quiet()
		for _, name := range []string{"v1", "v2"} {
			n.add(name, "it", 0, 50, 1, granted)
			n.add(name, "it", 50, 8, 5, refused)
		}
		n.add("v2", "it", 60, 1, times, refused)
		it := n.compare(t, CompareOptions{}).of(t, "it")
		require.Equal(t, want, it.Verdict, times)
		if want == VerdictRetryLoop {
			require.Equal(t, []string{"60"}, it.Users)
		}
	}
}

func TestAnEntryOfALoopIsUsed(t *testing.T) {
	n := quiet()
	n.add("v1", "it", 0, 50, 1, granted)
	n.add("v2", "it", 0, 50, 1, granted)
	n.add("v2", "it", 60, 1, 200, refused)
	acknowledged, err := ReadAcknowledgments(strings.NewReader(`
{"attribute":"it","owner":"o","reason":"the loop","expires":"2099-01-01"}
{"attribute":"other","owner":"o","reason":"is not there","expires":"2099-01-01"}`), "file")
	require.NoError(t, err)
	c := n.compare(t, CompareOptions{Acknowledged: acknowledged})
	require.Equal(t, VerdictRetryLoop, c.of(t, "it").Verdict)
	require.Empty(t, c.Acknowledged.Covered)
	require.Len(t, c.Acknowledged.Unused, 1)
	require.Equal(t, "other", c.Acknowledged.Unused[0].Key["attribute"])
}

// Nine of ten checks are those of one side, by more users or by more of each: it may be
// the only one to see any of the users of a small key.
func TestWhatChanceKeepsFromTheSmallerSideIsNeitherNewNorGone(t *testing.T) {
	for users, want := range map[int][2]Verdict{
		28: {VerdictTooFew, VerdictTooFew},
		45: {VerdictTooFew, VerdictNewDenial}, // any of the keys could have vanished
		90: {VerdictVanished, VerdictNewDenial},
	} {
		for i, sides := range [][2]string{{"v1", "v2"}, {"v2", "v1"}} {
			for times, others := range map[int][2]int{1: {90, 10}, 9: {50, 50}} {
				var n night
				for key := range 40 {
					n.add(sides[0], fmt.Sprint("quiet", key), 0, others[0], times, granted)
					n.add(sides[1], fmt.Sprint("quiet", key), 0, others[1], 1, granted)
				}
				n.add(sides[0], "it", 0, users, 1, refused)
				it := n.compare(t, CompareOptions{}).of(t, "it")
				require.Equal(t, want[i], it.Verdict, "%d users of %v, %d times", users, sides, times)
			}
		}
	}
}

func TestMoreChecksExplainMoreUsersWhoBypass(t *testing.T) {
	for times, want := range map[int]Verdict{1: VerdictBypassUp, 8: VerdictUnchanged} {
		n := quiet()
		n.add("v1", "it", 0, 200, 1, granted)
		n.add("v1", "it", 0, 10, 1, skipped)
		n.add("v2", "it", 0, 200, times, granted)
		n.add("v2", "it", 0, 45, 1, skipped)
		require.Equal(t, want, n.compare(t, CompareOptions{}).of(t, "it").Verdict, "%d checks each", times)
	}
}

// canary makes up an evening in which a canary gets a tenth of the checks: each goes its
// own way, or all of a user's the same. Of the users some are denied five times; the
// canary denies all.
func canary(isSticky bool, denied int, isLost bool) query.Source {
	random := rand.New(rand.NewPCG(1, 2))
	var events []audit.PermissionAuditEvent
	for key := range 20 {
		for user := range 300 {
			share := 0.1
			if isSticky {
				share = float64(1 - min(1, user%10)) // the first of ten
			}
			for range 5 {
				event := audit.PermissionAuditEvent{
					Timestamp: at(26, 20).Add(time.Duration(len(events)) * time.Second), Action: audit.ActionUpdate,
					Manager: fmt.Sprint("Manager", key), UserID: fmt.Sprint(user), Granted: user >= denied,
					Metadata: map[string]any{"deployment": "v1"},
				}
				if random.Float64() < share {
					event.Metadata = map[string]any{"deployment": "v2"}
					event.Granted = event.Granted && (key > 0 || !isLost)
				}
				events = append(events, event)
				if event.Granted && random.IntN(2) == 0 {
					break
				}
			}
		}
	}
	return query.Slice(events)
}

// Each try of a denied user may meet the canary: it sees a larger share of them.
func TestACanaryIsNotBlamedForRetries(t *testing.T) {
	for _, isSticky := range []bool{false, true} {
		for _, isLost := range []bool{false, true} {
			comparison, err := Compare(t.Context(), canary(isSticky, 30, isLost), deployment("v1"), deployment("v2"), &CompareOptions{By: []string{"manager"}})
			require.NoError(t, err)
			require.Equal(t, MatchOverlap, comparison.Match)
			var alerts []string
			for _, alert := range comparison.Alerts() {
				alerts = append(alerts, alert.Key[0])
			}
			if isLost {
				require.Equal(t, []string{"Manager0"}, alerts, "sticky: %v", isSticky)
			} else {
				require.Empty(t, alerts, "sticky: %v", isSticky)
			}
		}
	}
}

// One client that loops under the baseline does not hide what others are denied since.
func TestALoopOfTheBaselineHidesNoRegression(t *testing.T) {
	n := quiet()
	n.add("v1", "it", 0, 90, 1, granted)
	n.add("v1", "it", 90, 10, 5, refused)
	n.add("v1", "it", 100, 1, 1000, refused)
	n.add("v2", "it", 0, 60, 1, granted)
	n.add("v2", "it", 60, 40, 5, refused)
	require.Equal(t, VerdictRegression, n.compare(t, CompareOptions{}).of(t, "it").Verdict)
}
