package analysis

import (
	"bytes"
	"encoding/json"

	"github.com/permaudit/audit"
)

// MarshalJSON implements json.Marshaler: "newly_granted", "newly_denied", "unchanged" and
// "errors", each as a Change has it, then "inconsistent", "gaps", "dropped", "damaged" and
// "groups".
func (r Replayed) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addChanges(&r.Changes); err != nil {
		return nil, err
	}
	groups := r.Groups
	if groups == nil {
		groups = []ReplayedGroup{}
	}
	return o.close([]member{
		{"inconsistent", r.Inconsistent},
		{"gaps", r.Gaps},
		{"dropped", r.Dropped},
		{"damaged", r.Damaged},
		{"groups", groups},
	})
}

// MarshalJSON implements json.Marshaler: an object with a key for each dimension, null
// where there is no value, and then "newly_granted", "newly_denied", "unchanged" and
// "errors", each as a Change has it.
func (g ReplayedGroup) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addKey(g.by, g.Key); err != nil {
		return nil, err
	}
	if err := o.addChanges(&g.Changes); err != nil {
		return nil, err
	}
	return o.close(nil)
}

func (o *object) addChanges(c *Changes) error {
	all := c.all()
	for i, name := range []string{"newly_granted", "newly_denied", "unchanged", "errors"} {
		if err := o.add(name, all[i]); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler: "checks", "users", "bypassed" and, if there are
// any, "examples".
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Checks   int64     `json:"checks"`
		Users    int64     `json:"users"`
		Bypassed int64     `json:"bypassed"`
		Examples []Example `json:"examples,omitempty"`
	}{c.Checks, c.Users, c.Bypassed, c.Examples})
}

// noID is how the line of an event begins that has none.
var noID = []byte(`{"id":"` + audit.EventID{}.String() + `"`)

// MarshalJSON implements json.Marshaler: "event", the line of the log, its id null if it has
// none, and "error", if there was one.
func (e Example) MarshalJSON() ([]byte, error) {
	entry := audit.RecordedEntry(e.Event)
	line := entry.AppendJSON(nil)
	if rest, isNone := bytes.CutPrefix(line, noID); isNone {
		line = append([]byte(`{"id":null`), rest...)
	}
	return json.Marshal(struct {
		Event json.RawMessage `json:"event"`
		Error string          `json:"error,omitempty"`
	}{line, e.Error})
}
