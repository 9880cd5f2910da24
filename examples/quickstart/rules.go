package main

import (
	"context"
	"slices"

	"github.com/permaudit/audit"
)

// user is who asks.
type user struct {
	id        string // "": nobody has signed in
	name      string
	staff     bool
	superuser bool
}

// AuditUserID gives the log the identity of the user. An anonymous one has none:
// then the log holds the text of String instead, as user, and user_id is null.
func (u user) AuditUserID() string { return u.id }

func (u user) String() string { return u.name }

// object is what is asked about: a project, or a task with what it inherits from
// its project.
type object struct {
	id       string
	public   bool
	owner    string
	members  []string
	assignee string // of a task
}

// expressions are what rules are made of. Their names are what the log shows.
var expressions = map[string]func(user, object) bool{
	"isPublic":   func(_ user, o object) bool { return o.public },
	"isSignedIn": func(u user, _ object) bool { return u.id != "" },
	"isStaff":    func(u user, _ object) bool { return u.staff },
	"isMember":   func(u user, o object) bool { return u.id != "" && slices.Contains(o.members, u.id) },
	"isOwner":    func(u user, o object) bool { return u.id != "" && u.id == o.owner },
	"isAssignee": func(u user, o object) bool { return u.id != "" && u.id == o.assignee },
}

// rules are those of one manager, that is of one class of objects. Each list of
// expressions is a condition, which is met if one of them holds. Something is granted
// if all conditions are met: those of basedOn, then that of the action, then that of
// the attribute. A missing one is met, but somebody must have a rule for the action.
type rules struct {
	manager    string
	basedOn    *rules
	actions    map[audit.Action][]string
	attributes map[string][]string
}

var projectRules = &rules{
	manager: "Project",
	actions: map[audit.Action][]string{
		audit.ActionCreate:   {"isSignedIn"},
		audit.ActionRead:     {"isPublic", "isMember", "isStaff"},
		audit.ActionUpdate:   {"isMember"},
		audit.ActionDelete:   {"isOwner"},
		audit.ActionMutation: {"isMember"},
	},
	attributes: map[string][]string{
		"budget": {"isOwner", "isStaff"},
	},
}

// Who may do something to a task must be allowed to do it to the project first.
var taskRules = &rules{
	manager: "Task",
	basedOn: projectRules,
	actions: map[audit.Action][]string{
		audit.ActionCreate:   {"isMember"},
		audit.ActionUpdate:   {"isAssignee", "isOwner"},
		audit.ActionMutation: {"isOwner"},
	},
	attributes: map[string][]string{
		"estimate": {"isMember"},
	},
}

// check decides whether u may do action to these attributes of o: only if that is
// granted for every one of them. Without attributes it decides about the object as a
// whole.
//
// Each decision becomes one event. They are made one after the other, also when the
// first is a denial already, so that the log names everything that was missing. An
// error says that a decision could not be logged.
func (r *rules) check(ctx context.Context, u user, o object, action audit.Action, attributes []string) (allowed bool, err error) {
	if len(attributes) == 0 {
		return r.decide(ctx, u, o, action, "")
	}
	allowed = true
	for _, attribute := range attributes {
		granted, err := r.decide(ctx, u, o, action, attribute)
		if err != nil {
			return false, err
		}
		allowed = allowed && granted
	}
	return allowed, nil
}

// decide decides about one attribute, or "", and logs it.
func (r *rules) decide(ctx context.Context, u user, o object, action audit.Action, attribute string) (granted bool, err error) {
	granted = u.superuser || r.grant(u, o, action, attribute)
	if !audit.AuditLoggingEnabled() {
		return granted, nil // nothing that only the log needs is built
	}
	event := audit.PermissionAuditEvent{
		Action:      action,
		Granted:     granted,
		Bypassed:    u.superuser,
		Manager:     r.manager,
		User:        u,
		Permissions: r.expressions(action, attribute), // also those that a superuser bypassed
	}
	if attribute != "" {
		event.Attributes = []string{attribute}
	}
	if o.id != "" {
		event.Metadata = map[string]any{audit.MetadataObjectID: o.id}
	}
	// The id of the event, its time and the request id, which ctx carries, are
	// filled in by the logger.
	return granted, audit.EmitPermissionAuditEvent(ctx, event)
}

// grant evaluates the rules.
func (r *rules) grant(u user, o object, action audit.Action, attribute string) bool {
	granted := true
	if r.basedOn != nil {
		granted = r.basedOn.grant(u, o, action, attribute)
	}
	if condition := r.actions[action]; len(condition) > 0 || r.basedOn == nil {
		granted = met(condition, u, o) && granted
	}
	if condition := r.attributes[attribute]; len(condition) > 0 {
		granted = met(condition, u, o) && granted
	}
	return granted
}

// expressions lists the expressions in the order in which grant evaluates them, those
// that are inherited first.
func (r *rules) expressions(action audit.Action, attribute string) []string {
	var list []string
	if r.basedOn != nil {
		list = r.basedOn.expressions(action, attribute)
	}
	list = append(list, r.actions[action]...)
	return append(list, r.attributes[attribute]...)
}

// met evaluates all expressions, whatever the first ones say: so it is true that
// the log names those that were evaluated.
func met(condition []string, u user, o object) bool {
	one := false
	for _, name := range condition {
		one = expressions[name](u, o) || one
	}
	return one
}
