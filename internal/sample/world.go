package sample

import (
	"slices"

	"github.com/permaudit/audit"
)

// Rule names checks: those of a manager and an action with an attribute, in a
// deployment; any deployment if it is "".
type Rule struct {
	Manager    string
	Action     audit.Action
	Attribute  string
	Deployment string
}

// The rules that are denied. See Events.
var (
	MissingRule = Rule{Manager: "Invoice", Action: audit.ActionUpdate, Attribute: "budget"}
	LostRule    = Rule{Manager: "Project", Action: audit.ActionUpdate, Attribute: "status", Deployment: "v2"}
)

// Match reports whether the event is one of the checks that the rule names.
func (r Rule) Match(event audit.PermissionAuditEvent) bool {
	return event.Manager == r.Manager && event.Action == r.Action && slices.Contains(event.Attributes, r.Attribute) &&
		(r.Deployment == "" || event.Metadata[audit.MetadataDeployment] == r.Deployment)
}

// managers are ordered by how often they are checked.
var managers = []string{
	"Project", "Task", "Invoice", "Customer", "Document", "Comment", "Order", "Product", "Contract", "Employee",
	"Team", "Budget", "Supplier", "Shipment", "Ticket", "Calendar", "Report", "Warehouse", "Campaign", "Machine",
}

// attributes are those that managers have attributesEach of.
var attributes = []string{
	"status", "owner", "name", "budget", "deadline", "priority", "notes", "visibility", "approver", "currency",
	"total", "discount", "address", "phone", "salary", "start_date", "end_date", "tags",
}

const attributesEach = 10

func attributesOf(manager int) []string {
	names := make([]string, attributesEach)
	for i := range names {
		names[i] = attributes[(manager+i)%len(attributes)]
	}
	return names
}

// permissionsOf are the expressions that a manager's checks evaluate.
func permissionsOf(manager int) []string {
	relation := []string{"owner", "team", "customer", "approver"}[manager%4]
	return []string{"isAdmin", "isSelf", "relatedUserField:" + relation}
}

// actions are as frequent as they are in the list.
var actions = []audit.Action{
	audit.ActionRead, audit.ActionRead, audit.ActionRead, audit.ActionRead, audit.ActionRead,
	audit.ActionRead, audit.ActionRead, audit.ActionRead, audit.ActionRead, audit.ActionRead, audit.ActionRead,
	audit.ActionUpdate, audit.ActionUpdate, audit.ActionUpdate, audit.ActionUpdate, audit.ActionUpdate,
	audit.ActionCreate, audit.ActionCreate,
	audit.ActionDelete, audit.ActionMutation,
}

// superuser reports whether the user of that rank bypasses the rules. They are about
// one percent of the events.
func superuser(rank int) bool { return rank >= 100 && rank < 115 }

// hourShares are how much happens in each hour of a day, and hourTotal in all of them.
var hourShares = [24]float64{1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 18, 14, 16, 18, 18, 16, 12, 8, 5, 4, 3, 2, 1}

const hourTotal = 206
