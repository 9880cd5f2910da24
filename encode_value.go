package audit

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// valueEncoder appends metadata as JSON. It accepts every Go value: what JSON
// cannot express, or what is too large, is replaced by something readable and
// noted. Its zero value is ready; it is not for concurrent use.
type valueEncoder struct {
	redact Redactor // nil: none
	path   []string // of the value at hand, below the metadata
	pairs  []pair   // a stack: those of the open objects
	notes  []string // "metadata.path:reason"
	limit  int      // the length that the output must not pass
}

// pair is a key of an object, repaired, and its value.
type pair struct {
	key   string
	value any
}

// size is how much memory e holds on to.
func (e *valueEncoder) size() int { return 48 * cap(e.pairs) }

// tooLarge is what stands for a metadata value that does not fit.
const tooLarge = `"[too large]"`

// appendMetadata appends one object with the keys of own, and those of outer that
// own has not. A key whose value would take the object over MaxMetadataBytes is
// kept with tooLarge for a value while even that fits.
func (e *valueEncoder) appendMetadata(dst []byte, own, outer map[string]any, redact Redactor) []byte {
	e.redact, e.notes, e.path, e.pairs = redact, e.notes[:0], e.path[:0], e.pairs[:0]
	for key, value := range own {
		e.push(key, value)
	}
	for key, value := range outer {
		if _, hidden := own[key]; !hidden {
			e.push(key, value)
		}
	}
	start, large := len(dst), 0
	e.limit = start + MaxMetadataBytes - len("}")
	dst = append(dst, '{')
	for _, p := range e.sorted(0) {
		before := len(dst)
		if dst = e.member(dst, p, before > start+1, 1); len(dst) <= e.limit {
			continue
		}
		e.note("size", p.key)
		dst = e.member(dst[:before], pair{p.key, json.RawMessage(tooLarge)}, before > start+1, 1)
		if large++; len(dst) > e.limit || large == MaxSanitized {
			dst = dst[:before]
			break
		}
	}
	e.pop(0)
	return append(dst, '}')
}

// push puts a key and its value on the stack of pairs.
func (e *valueEncoder) push(key string, value any) {
	for i := range len(key) {
		if c := key[i]; c >= 0x80 || c == 0 || i >= MaxNameBytes {
			repaired, done := appendText(nil, key, MaxNameBytes)
			key = string(repaired)
			e.noteRepairs(done, key)
			break
		}
	}
	e.pairs = append(e.pairs, pair{key, value})
}

// sorted sorts the pairs from start up and drops those whose repaired keys repeat
// another.
func (e *valueEncoder) sorted(start int) []pair {
	object := e.pairs[start:]
	slices.SortStableFunc(object, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	kept := slices.CompactFunc(object, func(a, b pair) bool {
		if a.key != b.key {
			return false
		}
		e.note("duplicate", a.key)
		return true
	})
	return kept
}

// pop takes the pairs from start up off the stack, keeping nothing alive.
func (e *valueEncoder) pop(start int) {
	clear(e.pairs[start:])
	e.pairs = e.pairs[:start]
}

// member appends a pair, after a comma if it is not the first.
func (e *valueEncoder) member(dst []byte, p pair, comma bool, depth int) []byte {
	if comma {
		dst = append(dst, ',')
	}
	dst, _ = appendJSONString(dst, p.key, MaxNameBytes)
	return e.element(append(dst, ':'), p.key, p.value, depth)
}

// element appends the value at key, or its replacement if it is redacted. depth
// is how many containers it is in.
func (e *valueEncoder) element(dst []byte, key string, value any, depth int) []byte {
	if len(dst) > e.limit {
		return dst
	}
	e.path = append(e.path, key)
	if e.redact != nil {
		if replacement, redacted := e.ask(value); redacted {
			e.note("redacted")
			redact := e.redact
			e.redact = nil
			dst = e.value(dst, replacement, depth)
			e.redact = redact
			e.path = e.path[:len(e.path)-1]
			return dst
		}
	}
	dst = e.value(dst, value, depth)
	e.path = e.path[:len(e.path)-1]
	return dst
}

// ask calls the redactor. One that panics redacts.
func (e *valueEncoder) ask(value any) (replacement any, redacted bool) {
	defer func() {
		if recover() != nil {
			replacement, redacted = Redacted, true
		}
	}()
	return e.redact(e.path, value)
}

// value appends v, which is in depth containers.
func (e *valueEncoder) value(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return e.text(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return e.float(dst, v, 64)
	case json.Number:
		return e.number(dst, v)
	case json.RawMessage:
		return e.raw(dst, v, v, depth)
	case map[string]any:
		if v == nil {
			return append(dst, "null"...)
		}
		if depth >= MaxDepth {
			return e.replace(dst, "[too deep]", "deep")
		}
		start := len(e.pairs)
		for key, value := range v {
			e.push(key, value)
		}
		return e.object(dst, start, depth)
	}
	return e.reflected(dst, v, depth)
}

// object appends the pairs from start up and takes them off the stack.
func (e *valueEncoder) object(dst []byte, start, depth int) []byte {
	dst = append(dst, '{')
	for i, p := range e.sorted(start) {
		if len(dst) > e.limit {
			break
		}
		dst = e.member(dst, p, i > 0, depth+1)
	}
	e.pop(start)
	return append(dst, '}')
}

func (e *valueEncoder) text(dst []byte, s string) []byte {
	dst, done := appendJSONString(dst, s, MaxStringBytes)
	e.noteRepairs(done)
	return dst
}

// float appends f the way encoding/json does it (ECMA-262, Number::toString).
func (e *valueEncoder) float(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return e.replace(dst, strconv.FormatFloat(f, 'g', -1, bits), "number")
	}
	format, abs := byte('f'), math.Abs(f)
	if abs != 0 && (bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && n-start >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 to e-9
		dst = dst[:n-1]
	}
	return dst
}

// number appends n as it is written, if every database can hold such a number.
func (e *valueEncoder) number(dst []byte, n json.Number) []byte {
	text := string(n)
	if text == "" {
		return append(dst, '0') // as encoding/json has it
	}
	const mostDigits, mostExponent = 400, 400
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	size, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-"))
	isNumber := (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
	if !isNumber || len(text) > mostDigits || err != nil || size > mostExponent {
		return e.replace(dst, text, "number")
	}
	return append(dst, text...)
}

// raw appends JSON that source wrote. It is read and written again, so that
// redaction and the limits hold inside it too.
func (e *valueEncoder) raw(dst, text []byte, source any, depth int) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	var v any
	if err := unmarshal(text, &v); err != nil {
		return e.replace(dst, "[invalid JSON: "+reflect.TypeOf(source).String()+"]", "json")
	}
	if losesText(text) {
		e.note("utf8")
	}
	return e.value(dst, v, depth)
}

// losesText reports whether reading the JSON text puts U+FFFD in the place of
// something: of invalid UTF-8 (where encoding/json writes the escape \ufffd) or
// of half a surrogate pair.
func losesText(text []byte) bool {
	if bytes.Contains(text, []byte(`\ufffd`)) || !bytes.Equal(text, bytes.ToValidUTF8(text, nil)) {
		return true
	}
	for rest := text; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 || i+1 >= len(rest) {
			return false
		}
		rest = rest[i+1:]
		if rest[0] != 'u' {
			rest = rest[1:] // whatever it is, it is escaped
			continue
		}
		unit, ok := codeUnit(rest)
		if !ok || unit < 0xd800 || unit > 0xdfff {
			continue
		}
		if unit >= 0xdc00 || len(rest) < 11 || rest[5] != '\\' {
			return true
		}
		if low, ok := codeUnit(rest[6:]); !ok || low < 0xdc00 || low > 0xdfff {
			return true
		}
		rest = rest[11:]
	}
}

// codeUnit reads the UTF-16 code unit of an escape that begins with u.
func codeUnit(escape []byte) (unit uint64, ok bool) {
	if len(escape) < 5 || escape[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(escape[1:5]), 16, 16)
	return unit, err == nil
}

// reflected appends a value of any other type.
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
		return e.method(dst, v, func() (string, error) {
			text, err := v.MarshalText()
			return string(text), err
		})
	case error:
		return e.method(dst, v, func() (string, error) { return v.Error(), nil })
	}
	switch kind := value.Kind(); {
	case kind == reflect.String:
		return e.text(dst, value.String())
	case kind == reflect.Bool:
		return strconv.AppendBool(dst, value.Bool())
	case value.CanInt():
		return strconv.AppendInt(dst, value.Int(), 10)
	case kind == reflect.Uintptr:
		return e.unsupported(dst, v)
	case value.CanUint():
		return strconv.AppendUint(dst, value.Uint(), 10)
	case value.CanFloat():
		return e.float(dst, value.Float(), value.Type().Bits())
	case kind == reflect.Struct:
		return e.marshaled(dst, v, depth)
	case kind == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8:
		return e.text(dst, base64.StdEncoding.EncodeToString(value.Bytes()))
	}
	if depth >= MaxDepth {
		return e.replace(dst, "[too deep]", "deep")
	}
	switch value.Kind() { //nolint:exhaustive // the others are above, or not JSON
	case reflect.Pointer:
		return e.value(dst, value.Elem().Interface(), depth+1)
	case reflect.Slice, reflect.Array:
		return e.list(dst, value, depth)
	case reflect.Map:
		return e.mapping(dst, value, depth)
	default:
		return e.unsupported(dst, v)
	}
}

func (e *valueEncoder) list(dst []byte, list reflect.Value, depth int) []byte {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst = e.element(dst, strconv.Itoa(i), list.Index(i).Interface(), depth+1); len(dst) > e.limit {
			break
		}
	}
	return append(dst, ']')
}

func (e *valueEncoder) mapping(dst []byte, mapping reflect.Value, depth int) []byte {
	start := len(e.pairs)
	for entries := mapping.MapRange(); entries.Next(); {
		key := entries.Key()
		switch kind := key.Kind(); {
		case kind == reflect.String:
			e.push(key.String(), entries.Value().Interface())
		case key.CanInt(), key.CanUint(), kind == reflect.Array && key.Type().Elem().Kind() == reflect.Uint8:
			text, note := scalarText(key.Interface(), key)
			if note != "" {
				e.note(note, text)
			}
			e.push(text, entries.Value().Interface())
		default:
			e.pop(start)
			return e.unsupported(dst, mapping.Interface())
		}
	}
	return e.object(dst, start, depth)
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

// method appends the text that a method of v gives.
func (e *valueEncoder) method(dst []byte, v any, method func() (string, error)) []byte {
	var err error
	text, panicked := call(func() (s string) { s, err = method(); return s })
	switch {
	case panicked:
		return e.replace(dst, panicText(v), "panic")
	case err != nil:
		return e.replace(dst, errorText(v), "error")
	}
	return e.text(dst, text)
}

func (e *valueEncoder) unsupported(dst []byte, v any) []byte {
	return e.replace(dst, "[unsupported: "+reflect.TypeOf(v).String()+"]", "type")
}

// replace appends text for a value that cannot be recorded, and notes why.
func (e *valueEncoder) replace(dst []byte, text, reason string) []byte {
	e.note(reason)
	return e.text(dst, text)
}

func (e *valueEncoder) noteRepairs(done repairs, key ...string) {
	for bit, reason := range reasons {
		if done&(1<<bit) != 0 {
			e.note(reason, key...)
		}
	}
}

// note notes why the value at hand, or the one at key below it, was changed. What
// is noted beyond the names that an event can hold is counted by one name more.
func (e *valueEncoder) note(reason string, key ...string) {
	const longest = 256
	if len(e.notes) > 2*MaxSanitized {
		return
	}
	name := strings.Join(append(append([]string{"metadata"}, e.path...), key...), ".")
	e.notes = append(e.notes, name[:cutRune(name, longest)]+":"+reason)
}
