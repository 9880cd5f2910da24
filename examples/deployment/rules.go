package main

import (
	"context"
	"maps"
	"slices"

	"github.com/permaudit/audit"
)

// role is what a user is to the service.
type role string

const (
	guest   role = "isGuest"
	member  role = "isMember"
	lead    role = "isLead"
	finance role = "isFinance"
	job     role = "isJob"
)

// user is who asks.
type user struct {
	id        string
	roles     []role
	superuser bool
}

// what is one thing that somebody may do. There may be no attribute.
type what struct {
	manager   string
	action    audit.Action
	attribute string
}

// rules say which roles may do what. What has no rule nobody may do.
type rules map[what][]role

// What the deployments are about.
var (
	estimateTask  = what{"Task", audit.ActionUpdate, "estimate"}
	readInvoice   = what{"Invoice", audit.ActionRead, "total"}
	deleteComment = what{"Comment", audit.ActionDelete, ""}
	shareReport   = what{"Report", audit.ActionCreate, "recipient"}
	deleteProject = what{"Project", audit.ActionDelete, ""}
)

// v1 are the rules before.
var v1 = rules{
	{"Project", audit.ActionRead, "name"}:     {guest, member},
	{"Project", audit.ActionRead, "budget"}:   {lead, finance},
	{"Project", audit.ActionUpdate, "name"}:   {member},
	{"Project", audit.ActionUpdate, "status"}: {member},
	{"Project", audit.ActionUpdate, "budget"}: {finance},
	deleteProject:                              {lead},
	{"Task", audit.ActionCreate, "title"}:      {member},
	{"Task", audit.ActionRead, "title"}:        {guest, member},
	{"Task", audit.ActionUpdate, "title"}:      {member},
	estimateTask:                               {member},
	{"Task", audit.ActionDelete, ""}:           {lead},
	{"Task", audit.ActionMutation, "assignee"}: {lead},
	{"Comment", audit.ActionCreate, "text"}:    {guest, member},
	{"Comment", audit.ActionUpdate, "text"}:    {member},
	deleteComment:                              {lead},
	{"Invoice", audit.ActionCreate, "total"}:   {finance},
	readInvoice:                                {member},
	{"Invoice", audit.ActionUpdate, "total"}:   {finance},
	{"Contract", audit.ActionRead, "terms"}:    {finance},
	{"Export", audit.ActionCreate, ""}:         {job},
}

// v2 is deployed on the second day. A merge has lost a rule, somebody made another one
// stricter, and a third one more generous.
func v2() rules {
	r := maps.Clone(v1)
	delete(r, estimateTask)
	r[readInvoice] = []role{finance}
	r[deleteComment] = []role{member}
	return r
}

// v3 is the hurried repair. The lost rule is back, but invoices are not checked at all any
// more; and a new feature comes without a rule.
func v3() rules {
	r := v2()
	r[estimateTask] = v1[estimateTask]
	return r
}

// check is what a request asks to be allowed: everything, or nothing.
type check struct {
	manager    string
	action     audit.Action
	attributes []string
}

// allows reports whether the rules allow all of it, and which roles they looked for.
func (r rules) allows(u user, c check) (granted bool, evaluated []role) {
	attributes := c.attributes
	if len(attributes) == 0 {
		attributes = []string{""}
	}
	granted = true
	for _, attribute := range attributes {
		roles := r[what{c.manager, c.action, attribute}]
		evaluated = append(evaluated, roles...)
		if !slices.ContainsFunc(roles, func(one role) bool { return slices.Contains(u.roles, one) }) {
			granted = false
		}
	}
	return granted || u.superuser, evaluated
}

// decide decides a request, and logs what was decided.
func (r rules) decide(ctx context.Context, q request) error {
	granted, evaluated := r.allows(q.user, q.check)
	event := audit.PermissionAuditEvent{
		Timestamp: q.at, Action: q.check.action, Manager: q.check.manager, Attributes: q.check.attributes,
		UserID: q.user.id, Granted: granted, Bypassed: q.user.superuser,
	}
	for _, one := range evaluated {
		event.Permissions = append(event.Permissions, string(one))
	}
	return audit.EmitPermissionAuditEvent(ctx, event)
}
