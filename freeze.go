package audit

import (
	"encoding/json"
	"reflect"
	"time"
)

// freezer copies metadata deeply. Numbers, strings, booleans, times, and maps and
// slices of them keep their types; of any other value its JSON form is taken.
type freezer struct {
	values valueEncoder // for the other values; its path and notes are the freezer's too
	nodes  int          // copied so far
}

// mostNodes is more than MaxMetadataBytes of JSON can hold.
const mostNodes = 64 << 10

// metadata copies a whole map into dst.
func (f *freezer) metadata(dst, metadata map[string]any) {
	for key, value := range metadata {
		if f.nodes++; f.nodes > mostNodes {
			f.values.note("size")
			return
		}
		f.values.path = append(f.values.path, key)
		dst[key] = f.value(value, len(f.values.path))
		f.values.path = f.values.path[:len(f.values.path)-1]
	}
}

// value copies v, which is in depth containers. What lies deeper than can be
// recorded is cut, which ends cycles too.
func (f *freezer) value(v any, depth int) any {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64, json.Number, time.Time:
		return v
	case map[string]any:
		if v == nil {
			return v
		}
		if depth >= MaxDepth {
			f.values.note("deep")
			return "[too deep]"
		}
		frozen := make(map[string]any, min(len(v), mostNodes))
		f.metadata(frozen, v)
		return frozen
	case []any:
		return f.list(v, depth)
	}
	value := reflect.ValueOf(v)
	if _, marshals := v.(json.Marshaler); !marshals {
		switch {
		case isScalar(value.Type()):
			return v
		case value.Kind() == reflect.Slice && isScalar(value.Type().Elem()) && value.Len() <= mostNodes:
			frozen := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
			reflect.Copy(frozen, value)
			return frozen.Interface()
		}
	}
	return f.foreign(v, depth)
}

func (f *freezer) list(list []any, depth int) any {
	if depth >= MaxDepth {
		f.values.note("deep")
		return "[too deep]"
	}
	frozen := make([]any, 0, min(len(list), mostNodes))
	for _, element := range list {
		if f.nodes++; f.nodes > mostNodes {
			f.values.note("size")
			break
		}
		frozen = append(frozen, f.value(element, depth+1))
	}
	return frozen
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

// foreign takes the JSON form of v.
func (f *freezer) foreign(v any, depth int) any {
	f.values.limit = MaxMetadataBytes
	text := f.values.value(nil, v, depth)
	var frozen any
	if len(text) > MaxMetadataBytes || unmarshal(text, &frozen) != nil {
		f.values.note("size")
		return "[too large]"
	}
	return frozen
}
