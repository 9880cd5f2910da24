package audit

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strconv"
)

// reflected appends a value of any type, about as encoding/json would.
func (e *valueEncoder) reflected(dst []byte, v any, depth int) []byte {
	value := reflect.ValueOf(v)
	if isNil(v) {
		if kind := value.Kind(); kind != reflect.Map && kind != reflect.Slice {
			e.note("nil")
		}
		return append(dst, "null"...)
	}
	switch v := v.(type) {
	case json.Marshaler:
		return e.marshaled(dst, v, depth)
	case encoding.TextMarshaler:
		text, note := marshalText(v)
		if note != "" {
			e.note(note)
		}
		return e.text(dst, text)
	case error:
		text, panicked := call(v.Error)
		if panicked {
			return e.replace(dst, panicText(v), "panic")
		}
		return e.text(dst, text)
	}
	switch kind := value.Kind(); {
	case kind == reflect.String:
		return e.text(dst, value.String())
	case kind == reflect.Bool:
		return strconv.AppendBool(dst, value.Bool())
	case value.CanInt():
		return strconv.AppendInt(dst, value.Int(), 10)
	case value.CanUint():
		return strconv.AppendUint(dst, value.Uint(), 10)
	case value.CanFloat():
		return e.float(dst, value.Float(), value.Type().Bits())
	case kind == reflect.Struct, kind == reflect.Pointer && value.Type().Elem().Kind() == reflect.Struct:
		return e.marshaled(dst, v, depth)
	case kind == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8:
		raw := value.Bytes()
		return e.text(dst, base64.StdEncoding.EncodeToString(raw[:min(len(raw), MaxStringBytes)])) // longer, so that it is cut all the same
	}
	return e.container(dst, value, depth)
}

func (e *valueEncoder) container(dst []byte, value reflect.Value, depth int) []byte {
	if depth >= MaxDepth {
		return e.replace(dst, tooDeep, "deep")
	}
	switch value.Kind() { //nolint:exhaustive // the others are no containers, or not JSON
	case reflect.Pointer:
		return e.value(dst, value.Elem().Interface(), depth+1)
	case reflect.Slice, reflect.Array:
		return e.list(dst, value, depth)
	case reflect.Map:
		return e.mapping(dst, value, depth)
	default:
		return e.unsupported(dst, value)
	}
}

func (e *valueEncoder) list(dst []byte, list reflect.Value, depth int) []byte {
	dst = append(dst, '[')
	e.limit -= list.Len() * shortestElement
	for i := range list.Len() {
		e.limit += shortestElement
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst = e.element(dst, &pair{key: strconv.Itoa(i), value: list.Index(i).Interface()}, depth+1); len(dst) > e.limit {
			break
		}
	}
	return append(dst, ']')
}

func (e *valueEncoder) mapping(dst []byte, mapping reflect.Value, depth int) []byte {
	if e.cannotHold(mapping.Len(), dst) {
		return dst
	}
	start := len(e.pairs)
	for entries := mapping.MapRange(); entries.Next(); {
		key, ok := e.mapKey(entries.Key())
		if !ok {
			e.pop(start)
			return e.unsupported(dst, mapping)
		}
		e.push(key, entries.Value().Interface())
	}
	return e.object(dst, start, depth)
}

// mapKey returns the text of a key: a string, one that marshals as text, or an
// integer.
func (e *valueEncoder) mapKey(key reflect.Value) (text string, ok bool) {
	if key.Kind() == reflect.Interface { // as in the maps that YAML is read to
		key = key.Elem()
	}
	if key.Kind() == reflect.String {
		return key.String(), true
	}
	if key.IsValid() {
		if marshaler, ok := key.Interface().(encoding.TextMarshaler); ok {
			text, note := marshalText(marshaler)
			if note != "" {
				e.note(note, text)
			}
			return text, true
		}
	}
	switch {
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10), true
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10), true
	}
	return "", false
}

// marshaled appends what encoding/json makes of v.
func (e *valueEncoder) marshaled(dst []byte, v any, depth int) []byte {
	var text []byte
	var err error
	if _, panicked := call(func() string { text, err = json.Marshal(v); return "" }); panicked {
		return e.replace(dst, panicText(v), "panic")
	}
	if err != nil {
		return e.replace(dst, errorText(v), "error")
	}
	return e.raw(dst, text, v, depth)
}

func (e *valueEncoder) unsupported(dst []byte, value reflect.Value) []byte {
	return e.replace(dst, "[unsupported: "+value.Type().String()+"]", "type")
}
