package audit

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
)

// identity is what is recorded of a user: an id, or else a representation, and
// the name for Sanitized if a method of the user panicked or failed.
type identity struct{ id, repr, note string }

// resolveUser finds the identity of event's user, by the rules at the field User.
func resolveUser(event *PermissionAuditEvent) identity {
	repr, isRepr := event.User.(UserRepr)
	switch {
	case event.UserID != "":
		return identity{id: event.UserID, repr: string(repr)}
	case isRepr:
		return identity{repr: string(repr)}
	case event.User == nil:
		return identity{}
	}
	// Plain values first: they need no reflection.
	switch user := event.User.(type) {
	case string:
		return identity{id: user}
	case int:
		return identity{id: strconv.Itoa(user)}
	case int64:
		return identity{id: strconv.FormatInt(user, 10)}
	}
	return reflectUser(event.User)
}

func reflectUser(user any) identity {
	if isNil(user) {
		return identity{}
	}
	if identified, ok := user.(interface{ AuditUserID() string }); ok {
		id, panicked := call(identified.AuditUserID)
		switch {
		case panicked:
			return identity{repr: panicText(user), note: "user_id:panic"}
		case id != "":
			return identity{id: id}
		}
		return represent(user) // it has an identity in general, but not now: an anonymous user
	}
	value := reflect.ValueOf(user)
	switch kind := value.Kind(); {
	case kind == reflect.String, value.CanInt(), value.CanUint():
	case kind == reflect.Array && value.Type().Elem().Kind() == reflect.Uint8:
	default:
		return represent(user)
	}
	id, note := scalarText(user, value)
	if note != "" {
		return identity{repr: id, note: "user_id:" + note}
	}
	return identity{id: id}
}

// scalarText is the text of a string, an integer or an array of bytes.
func scalarText(v any, value reflect.Value) (text, note string) {
	if marshaler, ok := v.(encoding.TextMarshaler); ok {
		return marshalText(marshaler)
	}
	if stringer, ok := v.(fmt.Stringer); ok {
		text, panicked := call(stringer.String)
		if panicked {
			return panicText(v), "panic"
		}
		return text, ""
	}
	switch {
	case value.CanInt():
		return strconv.FormatInt(value.Int(), 10), ""
	case value.CanUint():
		return strconv.FormatUint(value.Uint(), 10), ""
	case value.Kind() == reflect.String:
		return value.String(), ""
	}
	raw := make([]byte, value.Len())
	for i := range raw {
		raw[i] = byte(value.Index(i).Uint()) //nolint:gosec // G115: it is of eight bits
	}
	return hex.EncodeToString(raw), ""
}

// marshalText is the text of v, or what stands for it and why.
func marshalText(v encoding.TextMarshaler) (text, note string) {
	var err error
	text, panicked := call(func() string {
		var b []byte
		b, err = v.MarshalText()
		return string(b)
	})
	switch {
	case panicked:
		return panicText(v), "panic"
	case err != nil:
		return errorText(v), "error"
	}
	return text, ""
}

// represent is the text of a user who has no identity: never a struct's fields.
func represent(user any) identity {
	if stringer, ok := user.(fmt.Stringer); ok {
		text, panicked := call(stringer.String)
		if panicked {
			return identity{repr: panicText(user), note: "user:panic"}
		}
		if text != "" {
			return identity{repr: text}
		}
	}
	return identity{repr: reflect.TypeOf(user).String()}
}

// call runs a method of the user's and reports whether it panicked.
func call(method func() string) (text string, panicked bool) {
	defer func() {
		if recover() != nil {
			panicked = true
		}
	}()
	return method(), false
}

// What is recorded in place of a value whose method panicked or failed. The
// panic's own text is not: it may hold anything.
func panicText(v any) string { return "[panic: " + reflect.TypeOf(v).String() + "]" }
func errorText(v any) string { return "[error: " + reflect.TypeOf(v).String() + "]" }
