package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// begin is when the first night begins, a Monday; each has eight hours.
var begin = time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)

const nightLength = 8 * time.Hour

// request is what somebody asks.
type request struct {
	at    time.Time
	user  user
	check check
}

// checks are what the service is asked for, with the share of users who do so in a night.
var checks = []struct {
	check
	share float64
}{
	{check{"Project", audit.ActionRead, []string{"name"}}, 0.9},
	{check{"Project", audit.ActionRead, []string{"budget"}}, 0.4},
	{check{"Project", audit.ActionUpdate, []string{"name"}}, 0.4},
	{check{"Project", audit.ActionUpdate, []string{"status"}}, 0.4},
	{check{"Project", audit.ActionUpdate, []string{"budget"}}, 0.2},
	{check{"Project", audit.ActionDelete, nil}, 0.5},
	{check{"Task", audit.ActionCreate, []string{"title"}}, 0.5},
	{check{"Task", audit.ActionRead, []string{"title"}}, 0.9},
	{check{"Task", audit.ActionUpdate, []string{"title"}}, 0.5},
	{check{"Task", audit.ActionUpdate, []string{"estimate"}}, 0.3},
	{check{"Task", audit.ActionUpdate, []string{"title", "estimate"}}, 0.3},
	{check{"Task", audit.ActionDelete, nil}, 0.2},
	{check{"Task", audit.ActionMutation, []string{"assignee"}}, 0.3},
	{check{"Comment", audit.ActionCreate, []string{"text"}}, 0.6},
	{check{"Comment", audit.ActionUpdate, []string{"text"}}, 0.3},
	{check{"Comment", audit.ActionDelete, nil}, 0.4},
	{check{"Invoice", audit.ActionCreate, []string{"total"}}, 0.2},
	{check{"Invoice", audit.ActionRead, []string{"total"}}, 0.6},
	{check{"Invoice", audit.ActionUpdate, []string{"total"}}, 0.15},
	{check{"Contract", audit.ActionRead, []string{"terms"}}, 0.02},
}

// isFor reports whether a check asks for exactly that.
func (c check) isFor(w what) bool {
	return c.manager == w.manager && c.action == w.action && strings.Join(c.attributes, " ") == w.attribute
}

// users are the same in every night. One is a superuser.
func users() []user {
	all := []user{{id: "100", superuser: true}}
	for i := 1; i < 120; i++ {
		u := user{id: strconv.Itoa(100 + i), roles: []role{member}}
		switch {
		case i%20 == 0:
			u.roles = []role{guest}
		case i%4 == 1:
			u.roles = append(u.roles, finance)
		case i%4 == 2:
			u.roles = append(u.roles, lead)
		}
		all = append(all, u)
	}
	return all
}

// scanner tries what it can find, on the second night.
var scanner = user{id: "667", roles: []role{guest}}

// night makes up the traffic of a deployment, in order. Who is denied tries again, five
// times on average.
func night(number int, r rules) []request {
	random := rand.New(rand.NewPCG(uint64(number), 1)) //nolint:gosec // G115, G404: it has to be the same every time
	start := begin.AddDate(0, 0, number-1)
	var requests []request
	ask := func(u user, c check) {
		at := start.Add(time.Duration(random.Int64N(int64(nightLength))))
		for {
			requests = append(requests, request{at.Truncate(time.Microsecond), u, c})
			if granted, _ := r.allows(u, c); granted || random.IntN(5) == 0 {
				return
			}
			at = at.Add(time.Duration(1+random.IntN(20)) * time.Second)
		}
	}
	times := func() int { return min(8, int(1/(1-random.Float64()))) } // mostly once
	for i, u := range users() {
		if random.IntN(10) == 0 {
			continue // a night off
		}
		for _, c := range checks {
			if number == 3 && c.isFor(readInvoice) {
				continue // v3 does not check it
			}
			share, u := c.share, u
			if granted, _ := v1.allows(u, c.check); !granted && !c.isFor(readInvoice) {
				share /= 12 // pages hide what a user may not, mostly; invoices have links in mails
			}
			if number == 3 && c.isFor(deleteProject) && i%4 == 0 {
				share, u.superuser = 0.8, true // somebody said how
			}
			if random.Float64() < share {
				for range times() {
					ask(u, c.check)
				}
			}
		}
		if number == 3 && random.IntN(2) == 0 {
			ask(u, check{shareReport.manager, shareReport.action, []string{shareReport.attribute}})
		}
	}
	if number == 2 {
		for _, c := range checks {
			ask(scanner, c.check)
		}
	}
	requests = append(requests, exports(number, start)...)
	for i := range 3 { // what no rule allows, the superuser does
		at := start.Add(time.Duration(2*i+1) * time.Hour)
		requests = append(requests, request{at, users()[0], check{"Account", audit.ActionDelete, nil}})
	}
	slices.SortStableFunc(requests, func(a, b request) int { return a.at.Compare(b.at) })
	return requests
}

// exports are those of a job that gives up never. From the second night on its token has
// expired.
func exports(number int, start time.Time) (requests []request) {
	u := user{id: "report-job", roles: []role{job}}
	every := time.Hour
	if number > 1 {
		u.roles, every = nil, 2*time.Minute
	}
	for at := start; at.Before(start.Add(nightLength)); at = at.Add(every) {
		requests = append(requests, request{at.Add(time.Second), u, check{"Export", audit.ActionCreate, nil}})
	}
	return requests
}

// requestID names a request.
func requestID(number, i int) string { return fmt.Sprintf("n%d-%04d", number, i+1) }
