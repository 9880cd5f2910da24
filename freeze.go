package audit

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// freezer copies metadata deeply. Numbers, strings, booleans, times, and maps and
// slices of them keep their types; of any other value its JSON form is taken. What
// is too deep or too large for the log is replaced as it would be there, which
// ends cycles too.
type freezer struct {
	values valueEncoder // for the other values; its path and notes are the freezer's too
	left   int          // how many bytes of JSON the value at hand may still take, at least
}

// metadata copies a whole map into dst.
func (f *freezer) metadata(dst, metadata map[string]any) {
	// Nobody copies what no log holds: of more than this, more than MaxSanitized
	// values are too large.
	total, large := (MaxSanitized+2)*MaxMetadataBytes, 0
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		f.left = MaxMetadataBytes
		noted := len(f.values.notes)
		value := f.member(key, metadata[key])
		total -= shortestMember + MaxMetadataBytes - max(f.left, 0)
		if f.left < 0 {
			f.values.notes = f.values.notes[:noted]
			large++
		}
		if total < 0 || large > MaxSanitized {
			f.values.note("size")
			return
		}
		if f.left < 0 {
			f.values.note("size", key)
			value = tooLarge
		}
		dst[key] = value
	}
}

// member copies a value and keeps its path.
func (f *freezer) member(key string, v any) any {
	if f.left < 0 {
		return nil
	}
	repaired, _ := repair(key, MaxNameBytes)
	f.values.path = append(f.values.path, repaired)
	v = f.value(v)
	f.values.path = f.values.path[:len(f.values.path)-1]
	return v
}

func (f *freezer) value(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64, json.Number, time.Time:
		return v
	case map[string]any:
		switch {
		case v == nil:
			return v
		case f.deep():
			return tooDeep
		case f.cannotHold(len(v)):
			return nil
		}
		frozen := make(map[string]any, len(v))
		for key, value := range v {
			frozen[key] = f.member(key, value)
		}
		return frozen
	case []any:
		switch {
		case v == nil:
			return v
		case f.deep():
			return tooDeep
		case f.cannotHold(len(v)):
			return nil
		}
		frozen := make([]any, len(v))
		for i, value := range v {
			frozen[i] = f.member(strconv.Itoa(i), value)
		}
		return frozen
	}
	return f.reflected(v)
}

// cannotHold takes n bytes of those that are left.
func (f *freezer) cannotHold(n int) bool {
	f.left -= n
	return f.left < 0
}

// deep reports whether a container at hand is too deep, and notes it.
func (f *freezer) deep() bool {
	deep := len(f.values.path) >= MaxDepth
	if deep {
		f.values.note("deep")
	}
	return deep
}

func (f *freezer) reflected(v any) any {
	value := reflect.ValueOf(v)
	if _, marshals := v.(json.Marshaler); !marshals {
		switch {
		case isScalar(value.Type()):
			return v
		case value.Kind() == reflect.Slice && isScalar(value.Type().Elem()):
			if value.IsNil() {
				return v
			}
			if f.cannotHold(shortest(value)) {
				return nil
			}
			frozen := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
			reflect.Copy(frozen, value)
			return frozen.Interface()
		}
	}
	return f.other(v)
}

// shortest is about the least that a slice of scalars takes in the log, where bytes
// become a text, which is cut.
func shortest(slice reflect.Value) int {
	if slice.Type().Elem().Kind() == reflect.Uint8 {
		return min(slice.Len(), MaxStringBytes)
	}
	return slice.Len()
}

// isScalar reports whether values of type t hold no reference, and JSON can
// express them.
func isScalar(t reflect.Type) bool {
	switch t.Kind() { //nolint:exhaustive // all others hold references or are not JSON
	case reflect.Bool, reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return true
	}
	return false
}

// other takes the JSON form of v.
func (f *freezer) other(v any) any {
	f.values.limit = f.left
	text := f.values.value(nil, v, len(f.values.path))
	var frozen any
	if len(text) > f.values.limit || unmarshal(text, &frozen) != nil {
		f.left = -1
		return nil
	}
	f.left -= len(text)
	return frozen
}
