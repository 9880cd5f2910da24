package audit

import (
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// crashEverywhere cuts the power at every call, or every so many, of a life, and during
// the recovery too.
func crashEverywhere(t *testing.T, seed, step int, database bool, lie lie) (points int, counts faults.Counts, problems []string) {
	t.Helper()
	for at, crashed := 1, true; crashed; at += step {
		synctest.Test(t, func(t *testing.T) {
			c := newTrial(t, seed, database)
			c.fsys.lie = lie
			crashed = c.crash(at)
			points += count(crashed)
			for again := range c.random.IntN(3) {
				points += count(c.crash(1 + c.random.IntN(10*(again+1))))
			}
			found, wrong := c.oracle.Judge(c.recover())
			counts.Add(found)
			for _, problem := range wrong {
				problems = append(problems, fmt.Sprintf("seed %d, crash at call %d: %s", seed, at, problem))
			}
		})
	}
	return points, counts, problems
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func TestFault01APowerCutAtAnyCallLosesNothingThatWasAcked(t *testing.T) {
	for name, database := range map[string]bool{"file": false, "spool": true} {
		t.Run(name, func(t *testing.T) {
			rounds := 0
			var counts faults.Counts
			for seed := range faults.Rounds(2, 40) {
				points, found, problems := crashEverywhere(t, seed, 1, database, honest)
				require.Empty(t, problems)
				rounds += points
				counts.Add(found)
			}
			require.Positive(t, counts.Acked)
			require.GreaterOrEqual(t, rounds, faults.Rounds(200, 5_000), "10,000 in the whole suite, and both")
			faults.Report(t, faults.Row{Fault: "1 power cut at every call, " + name, Rounds: rounds, Counts: counts})
		})
	}
}

// A writer that leaves something out is found out: otherwise the test above would
// prove nothing.
func TestFault01ANaiveWriterIsFoundToLose(t *testing.T) {
	for name, lie := range map[string]lie{"no fsync": lieNoFsync, "no fsync of directories": lieNoDirSync, "ack before fsync": lieAckEarly} {
		for sink, database := range map[string]bool{"file": false, "spool": true} {
			t.Run(name+", "+sink, func(t *testing.T) {
				rounds := 0
				var counts faults.Counts
				for seed := 0; seed < 40 && counts.Lost == 0; seed++ {
					points, found, problems := crashEverywhere(t, seed, faults.Rounds(2, 1), database, lie)
					require.Equal(t, found.Lost > 0, len(problems) > 0)
					rounds += points
					counts.Add(found)
				}
				faults.ReportNaive(t, faults.Row{Fault: "1 naive writer: " + name + ", " + sink, Rounds: rounds, Counts: counts})
			})
		}
	}
}

// callFaults are what happens to the calls of the file system from one on.
var callFaults = map[string]func(at int) func(call int, op string) error{
	"EIO once": func(at int) func(int, string) error {
		return func(call int, _ string) error { return errorIf(call == at, syscall.EIO) }
	},
	"ENOSPC, after some bytes, four times": func(at int) func(int, string) error {
		return func(call int, _ string) error {
			return errorIf(call >= at && call < at+4, shortWrite{50, syscall.ENOSPC})
		}
	},
	"a short write": func(at int) func(int, string) error {
		return func(call int, _ string) error { return errorIf(call == at, shortWrite{1, io.ErrShortWrite}) }
	},
	"an fsync that fails once": func(at int) func(int, string) error {
		failed := false
		return func(call int, op string) error {
			fails := call >= at && !failed && strings.HasPrefix(op, "sync")
			failed = failed || fails
			return errorIf(fails, syscall.EIO)
		}
	},
	"an fsync that fails for ever": func(at int) func(int, string) error {
		return func(call int, op string) error {
			return errorIf(call >= at && strings.HasPrefix(op, "sync"), syscall.EIO)
		}
	},
}

func errorIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

// What fails, fails in a process that begins after a power cut; another one follows,
// which shows what was durable.
func TestFault02AFailureOfAnyCallLosesNothingThatWasAcked(t *testing.T) {
	for sink, database := range map[string]bool{"file": false, "spool": true} {
		for name, fault := range callFaults {
			t.Run(sink+", "+name, func(t *testing.T) {
				rounds := 0
				var counts faults.Counts
				for seed := range faults.Rounds(1, 5) {
					for at, met := 1, true; met; at += faults.Rounds(3, 1) {
						synctest.Test(t, func(t *testing.T) {
							c := newTrial(t, seed, database)
							c.crash(1 + c.random.IntN(100))
							c.fsys.fault = fault(at)
							c.live(context.Background())
							met = c.fsys.made() >= at
							c.reboot()
							found, problems := c.oracle.Judge(c.recover())
							require.Empty(t, problems, "seed %d, call %d", seed, at)
							counts.Add(found)
							rounds++
						})
					}
				}
				faults.Report(t, faults.Row{Fault: "2 " + name + " at every call, " + sink, Rounds: rounds, Counts: counts})
			})
		}
	}
}

// Processes follow one another with the same spool, of whatever size, in front of a
// database that works, fails, hangs and loses its answers as chance has it; before the
// last one nothing was delivered at all in every second round.
func TestFault10ProcessesComeAndGoWithTheSameSpool(t *testing.T) {
	rounds := faults.Rounds(40, 1000)
	var counts faults.Counts
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			c := newTrial(t, seed, true)
			c.db.down = seed%2 == 0
			for range 1 + c.random.IntN(4) {
				c.live(context.Background())
				if c.random.IntN(2) == 0 {
					c.reboot()
				}
			}
			found, problems := c.oracle.Judge(c.recover())
			require.Empty(t, problems, "seed %d", seed)
			counts.Add(found)
		})
	}
	faults.Report(t, faults.Row{Fault: "10 database down, process after process", Rounds: rounds, Counts: counts})
}
