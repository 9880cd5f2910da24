package analysis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/permaudit/audit/query"
)

// The members that are no dimensions. All are required.
const (
	memberOwner   = "owner"
	memberReason  = "reason"
	memberExpires = "expires"
)

// requirement is a member that every entry has.
type requirement struct{ name, want string }

var required = []requirement{
	{memberOwner, "want who answers for the denial"},
	{memberReason, "want why the denial is right"},
	{memberExpires, "want a date (2027-03-31) or RFC 3339 (2027-03-31T12:00:00Z)"},
}

func wantDimensions() string { return strings.Join(acknowledged, ", ") + ", metadata.KEY" }

// parseAcknowledgment reads an object, and says all that is wrong with it. Without a key
// that can be told from others there is no entry.
func parseAcknowledgment(line []byte) (entry *Acknowledgment, problems []error) {
	if line[0] != '{' {
		return nil, []error{fmt.Errorf(`%s: want an object, such as {"manager":"Invoice","owner":"...","reason":"...","expires":"2027-03-31"}`, quoted(string(line)))}
	}
	members, err := membersOf(line)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: want JSON, one whole object a line: %w", quoted(string(line)), err)}
	}
	entry = &Acknowledgment{Key: make(map[string]string)}
	seen := make(map[string]bool)
	usable := true
	for _, m := range members {
		var err error
		part := slices.IndexFunc(required, func(r requirement) bool { return r.name == m.name })
		switch {
		case seen[m.name]:
			err = fmt.Errorf("member %s: it is named twice, the second time with %s: want it once", quoted(m.name), quotedJSON(m.value))
		case part >= 0:
			err = entry.setRequired(m, required[part])
		default:
			err = entry.setDimension(m)
		}
		seen[m.name] = true
		if err != nil {
			problems = append(problems, err)
			usable = usable && part >= 0
		}
	}
	for _, r := range required {
		if !seen[r.name] {
			problems = append(problems, fmt.Errorf("it is without %s: %s", r.name, r.want))
		}
	}
	if len(entry.Key) == 0 {
		if usable {
			problems = append(problems, fmt.Errorf("it says of no denial that it is right: want at least one of %s", wantDimensions()))
		}
		usable = false
	}
	if !usable {
		return nil, problems
	}
	return entry, problems
}

// rawMember is a member of an object that was read.
type rawMember struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of an object, in their order.
func membersOf(object []byte) (members []rawMember, err error) {
	var whole json.RawMessage
	if err := json.Unmarshal(object, &whole); err != nil { // what follows the object, too
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		var m rawMember
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m.name, _ = name.(string) // what else could it be
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// setDimension takes a member that is none of the required ones.
func (a *Acknowledgment) setDimension(m rawMember) error {
	key, isMetadata := query.MetadataDimension(m.name)
	switch {
	case isMetadata && key == "":
		return fmt.Errorf("member %q with the value %s: want metadata.KEY, such as metadata.deployment", m.name, quotedJSON(m.value))
	case !isMetadata && !slices.Contains(acknowledged, m.name):
		return fmt.Errorf("member %s with the value %s: it is unknown, want some of %s, and owner, reason, expires", quoted(m.name), quotedJSON(m.value), wantDimensions())
	}
	var value *string
	if err := json.Unmarshal(m.value, &value); err != nil {
		return fmt.Errorf("%s %s: want a text, or null for no value", quotedName(m.name), quotedJSON(m.value))
	}
	switch {
	case value == nil:
		a.Key[m.name] = ""
	case *value == "":
		return fmt.Errorf(`%s "": want a text, or null for no value`, quotedName(m.name))
	default:
		a.Key[m.name] = *value
	}
	return nil
}

// setRequired takes one of the required members.
func (a *Acknowledgment) setRequired(m rawMember, part requirement) error {
	var text string
	wrong := fmt.Errorf("%s %s: %s", m.name, quotedJSON(m.value), part.want)
	if err := json.Unmarshal(m.value, &text); err != nil || strings.TrimSpace(text) == "" {
		return wrong
	}
	switch m.name {
	case memberOwner:
		a.Owner = text
	case memberReason:
		a.Reason = text
	case memberExpires:
		at, err := parseExpires(text)
		if err != nil {
			return wrong
		}
		a.Expires = at
	}
	return nil
}

// parseExpires returns the last moment of a time.
func parseExpires(text string) (time.Time, error) {
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		return date.Add(day - 1), nil
	}
	var at time.Time
	err := at.UnmarshalText([]byte(text)) // stricter than time.Parse
	at = at.UTC()
	if err == nil && (at.Year() < 0 || at.Year() > 9999) {
		err = errors.New("it cannot be written in UTC")
	}
	return at, err
}

// identity is the same for entries with the same key.
func (a *Acknowledgment) identity() string {
	var parts []string
	for _, name := range a.dimensions() {
		parts = append(parts, name, a.Key[name])
	}
	return joined(parts)
}

// describe names the key.
func (a *Acknowledgment) describe() string {
	var parts []string
	for _, name := range a.dimensions() {
		value := "null"
		if a.Key[name] != "" {
			value = quoted(a.Key[name])
		}
		parts = append(parts, quotedName(name)+"="+value)
	}
	return strings.Join(parts, " ")
}

// mostQuoted is how many bytes of a value an error says.
const mostQuoted = 60

// quoted is a value for an error: not all of it, if it is long.
func quoted(text string) string {
	if len(text) <= mostQuoted {
		return strconv.Quote(text)
	}
	return strconv.Quote(begin(text)) + "..."
}

// begin is the begin of a text that is longer.
func begin(text string) string {
	end := mostQuoted
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// quotedName is the name of a dimension, as it is if nothing in it needs quotes.
func quotedName(name string) string {
	if q := quoted(name); q != `"`+name+`"` {
		return q
	}
	return name
}

// quotedJSON is a JSON value for an error. A text is decoded.
func quotedJSON(value json.RawMessage) string {
	var text *string
	if err := json.Unmarshal(value, &text); err == nil && text != nil {
		return quoted(*text)
	}
	shown := string(value)
	if len(shown) > mostQuoted {
		shown = begin(shown) + "..."
	}
	return strings.ReplaceAll(shown, "\r", " ")
}
