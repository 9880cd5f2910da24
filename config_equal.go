package audit

import "reflect"

// freezeSettings copies maps and lists, which the caller may change later. v is not
// nil, what it holds may be.
func freezeSettings[T any](v T) T { return freezeValue(reflect.ValueOf(v)).Interface().(T) }

func freezeValue(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		if v.IsNil() {
			return v
		}
		frozen := reflect.New(v.Type()).Elem()
		frozen.Set(freezeValue(v.Elem()))
		return frozen
	}
	if _, ok := v.Interface().(AuditLogger); ok {
		return v
	}
	switch {
	case v.Kind() == reflect.Map && !v.IsNil():
		frozen := reflect.MakeMapWithSize(v.Type(), v.Len())
		for entries := v.MapRange(); entries.Next(); {
			frozen.SetMapIndex(entries.Key(), freezeValue(entries.Value()))
		}
		return frozen
	case v.Kind() == reflect.Slice && !v.IsNil():
		frozen := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			frozen.Index(i).Set(freezeValue(v.Index(i)))
		}
		return frozen
	}
	return v
}

// equalSettings compares maps and lists by what they hold, loggers and other
// pointers by identity, the rest by ==. It never looks into a logger, which may be
// at work.
func equalSettings(a, b any) bool { return equalValues(reflect.ValueOf(a), reflect.ValueOf(b)) }

func equalValues(a, b reflect.Value) bool {
	if a.IsValid() && a.Kind() == reflect.Interface {
		a, b = a.Elem(), b.Elem()
	}
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	if logger, ok := a.Interface().(AuditLogger); ok {
		other, _ := b.Interface().(AuditLogger)
		return identical(logger, other)
	}
	switch a.Kind() {
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for entries := a.MapRange(); entries.Next(); {
			if other := b.MapIndex(entries.Key()); !other.IsValid() || !equalValues(entries.Value(), other) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equalValues(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	default:
		return a.Comparable() && a.Equal(b)
	}
}
