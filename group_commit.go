package audit

import "time"

// groupCommit has the open batch wait for those who were just told of their acks, if they
// are the same ones over and over. Many goroutines that record one event after the other
// fall into two halves otherwise, each of which waits for the write of the other one and
// then for its own; with all of them in one batch nobody waits for two. Compare
// commit_delay and commit_siblings of PostgreSQL.
//
// That they are the same ones shows in their number, which does not change: those who are
// told and those who wait meanwhile. Of users who come and go it does, and they would wait
// in vain. The queue's lock protects it.
type groupCommit struct {
	number int // of those who were told or waited, the last time
	same   int // how many times it was the same before

	wanted int       // who waits for the open batch when it is complete; 0: it waits for nobody
	until  time.Time // it is written then all the same
}

const (
	sameOften      = 8                     // is no chance
	maxCompanyWait = 10 * time.Millisecond // however slow the sink is
)

// expect is called before so many are told that their batch is written. They may be waited
// for so long: as long as that took. Some wait for the open one already, which may be nil.
func (g *groupCommit) expect(told int, most time.Duration, open *batch) {
	if told == 0 || most <= 0 {
		return
	}
	number := told
	if open != nil {
		number += open.waiters
	}
	if number != g.number {
		g.number, g.same, g.wanted = number, 0, 0
		return
	}
	if g.same++; g.same >= sameOften && number > 1 {
		g.wanted, g.until = number, time.Now().Add(min(most, maxCompanyWait))
	}
}

// wait returns how long the open batch, which may be nil, waits now; 0: no longer.
func (g *groupCommit) wait(open *batch) time.Duration {
	if g.wanted == 0 {
		return 0
	}
	if open == nil || !g.complete(open) {
		if left := time.Until(g.until); left > 0 {
			return left
		}
		g.same = 0 // they did not come
	}
	g.wanted = 0
	return 0
}

// complete reports whether all are there.
func (g *groupCommit) complete(open *batch) bool { return open.waiters >= g.wanted }
