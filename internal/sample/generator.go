package sample

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/permaudit/audit"
)

// generator makes up the events of a log, one after the other.
type generator struct {
	n        int
	random   *rand.Rand
	last     time.Time
	requests uint64     // how many there were
	open     [4]request // what the next event belongs to
}

// request is what a client asked for. It has left more checks to come.
type request struct {
	id      string
	rank    int // of the user, or one of the following
	manager int
	left    int
	retry   *audit.PermissionAuditEvent // what it tries again
}

// Users without an id stand for ranks.
const (
	nobody  = -1
	service = -2
)

func (g *generator) event(i int) audit.PermissionAuditEvent {
	at, deployment := g.moment(i), g.deployment(i)
	r := &g.open[g.random.IntN(len(g.open))]
	if r.left == 0 {
		*r = g.request()
	}
	r.left--
	event := g.check(r)
	event.ID, event.Timestamp = g.id(at), at
	event.Metadata = map[string]any{audit.MetadataRequestID: r.id, audit.MetadataDeployment: deployment}
	event.Bypassed = superuser(r.rank)
	event.Granted = event.Bypassed || !g.denies(&event, r.retry != nil)
	if !event.Granted {
		r.left = 0 // it failed
		if g.random.IntN(2) == 0 {
			again := event
			again.Attributes, again.Permissions = slices.Clone(event.Attributes), slices.Clone(event.Permissions) // event is the caller's
			*r = request{id: g.requestID(), rank: r.rank, manager: r.manager, left: 1, retry: &again}
		}
	}
	return event
}

// moment spreads the events over the days, more of them at noon than at midnight. It
// ascends strictly, in microseconds.
func (g *generator) moment(i int) time.Time {
	day := (float64(i) + g.random.Float64()) / float64(g.n) * Days
	part := (day - float64(int(day))) * hourTotal
	at := Start.AddDate(0, 0, int(day))
	for _, share := range hourShares {
		if part < share {
			at = at.Add(time.Duration(part / share * float64(time.Hour)))
			break
		}
		part -= share
		at = at.Add(time.Hour)
	}
	at = at.Truncate(time.Microsecond)
	if !at.After(g.last) {
		at = g.last.Add(time.Microsecond)
	}
	g.last = at
	return at
}

// deployment replaces v1 by v2 little by little, in the middle fifth of the log.
func (g *generator) deployment(i int) string {
	if share := (float64(i)/float64(g.n) - 0.4) / 0.2; g.random.Float64() < share {
		return "v2"
	}
	return "v1"
}

// id is the UUIDv7 that the library makes at that moment.
func (g *generator) id(at time.Time) audit.EventID {
	var id audit.EventID
	micros := uint64(at.UnixMicro())
	binary.BigEndian.PutUint64(id[:8], micros/1000<<16|0x7000|micros%1000*4096/1000)
	binary.BigEndian.PutUint64(id[8:], g.random.Uint64()&^(3<<62)|2<<62)
	return id
}

func (g *generator) request() request {
	r := request{id: g.requestID(), left: 1 + g.random.IntN(4)}
	switch p := g.random.IntN(100); {
	case p < 2:
		r.rank = nobody
	case p < 3:
		r.rank = service
	default:
		u := g.random.Float64()
		r.rank = int(u * u * u * Users)
	}
	u := g.random.Float64()
	r.manager = int(u * u * float64(len(managers)))
	return r
}

// requestID counts in an order that looks random: the factor is odd, so none repeats.
func (g *generator) requestID() string {
	g.requests++
	return fmt.Sprintf("req-%010x", g.requests*0x9e3779b97f4a7c15&(1<<40-1))
}

// check is what a request asks: who, and what.
func (g *generator) check(r *request) audit.PermissionAuditEvent {
	if r.retry != nil {
		return *r.retry
	}
	event := audit.PermissionAuditEvent{
		Action: actions[g.random.IntN(len(actions))], Manager: managers[r.manager], Permissions: permissionsOf(r.manager),
	}
	switch r.rank {
	case nobody:
	case service:
		event.User = audit.UserRepr("report-job")
	default:
		event.UserID = User(r.rank)
	}
	if event.Action == audit.ActionDelete {
		return event // of the whole object
	}
	count := 2
	switch g.random.IntN(10) {
	case 0:
		count = 1
	case 1:
		count = 3
	}
	names, first := attributesOf(r.manager), g.random.IntN(attributesEach)
	for i := range count {
		event.Attributes = append(event.Attributes, names[(first+3*i)%attributesEach])
	}
	return event
}

// denies reports what the rules say.
func (g *generator) denies(event *audit.PermissionAuditEvent, again bool) bool {
	p := 0.014
	if event.Action == audit.ActionRead {
		p = 0.01
	}
	return again || MissingRule.Match(*event) || LostRule.Match(*event) || g.random.Float64() < p
}
