package analysis

import (
	"maps"
	"slices"
	"time"

	"github.com/permaudit/audit/query"
)

// Acknowledgment says that somebody looked at a denial, calls it right, and owns it.
type Acknowledgment struct {
	// Key has a value for each dimension that is named; "" is null. Any value will do
	// of a dimension that is not named.
	Key    map[string]string
	Owner  string // who answers for it
	Reason string // why it is right
	// Expires is the last moment at which it covers anything, in UTC: of a date the
	// last nanosecond.
	Expires time.Time
	Line    int // of the file, from 1 on
}

// Until returns Expires as a file has it: as a date, if it is the end of one, else as
// RFC 3339.
func (a *Acknowledgment) Until() string {
	at := a.Expires.UTC()
	if at.Add(1).Truncate(day).Equal(at.Add(1)) {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339Nano)
}

// MarshalJSON implements json.Marshaler: a line of a file, which ReadAcknowledgments
// reads again. The dimensions come first, those of metadata behind the others.
func (a Acknowledgment) MarshalJSON() ([]byte, error) {
	names := a.dimensions()
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = a.Key[name]
	}
	o := object{'{'}
	if err := o.addKey(names, values); err != nil {
		return nil, err
	}
	return o.close([]member{{memberOwner, a.Owner}, {memberReason, a.Reason}, {memberExpires, a.Until()}})
}

// dimensions are those that are named: as they are listed, then those of metadata.
func (a *Acknowledgment) dimensions() []string {
	var names, metadata []string
	for _, name := range acknowledged {
		if _, named := a.Key[name]; named {
			names = append(names, name)
		}
	}
	for name := range a.Key {
		if _, isMetadata := query.MetadataDimension(name); isMetadata {
			metadata = append(metadata, name)
		}
	}
	slices.Sort(metadata)
	return append(names, metadata...)
}

func (a *Acknowledgment) clone() *Acknowledgment {
	copied := *a
	copied.Key = maps.Clone(a.Key)
	return &copied
}

// acknowledged are the dimensions that an Acknowledgment may name, besides those of
// metadata. Days and hours are over before anybody owns them, and denials have one
// outcome.
var acknowledged = []string{"manager", "action", "attribute", "user", "permission"}
