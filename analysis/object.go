package analysis

import (
	"encoding/json"
	"time"
)

// object is a JSON object whose members keep their order.
type object []byte

// member is a member of an object.
type member struct {
	name  string
	value any
}

func (o *object) add(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if len(*o) > 1 {
		*o = append(*o, ',')
	}
	quoted, err := json.Marshal(name)
	*o = append(append(append(*o, quoted...), ':'), text...)
	return err
}

// addKey adds a member for each dimension, null for "".
func (o *object) addKey(by, key []string) error {
	for i, name := range by {
		var value *string
		if key[i] != "" {
			value = &key[i]
		}
		if err := o.add(name, value); err != nil {
			return err
		}
	}
	return nil
}

// close adds the members, the last ones, and returns the text.
func (o *object) close(members []member) ([]byte, error) {
	for _, m := range members {
		if err := o.add(m.name, m.value); err != nil {
			return nil, err
		}
	}
	return append(*o, '}'), nil
}

// dimensioned is a key as an object.
type dimensioned struct{ by, key []string }

// MarshalJSON implements json.Marshaler.
func (d dimensioned) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addKey(d.by, d.key); err != nil {
		return nil, err
	}
	return o.close(nil)
}

// moment is a time as logs have it, nil for the zero time.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
