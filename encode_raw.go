package audit

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
	switch {
	case n == "":
		return append(dst, '0') // as encoding/json has it
	case !storable(string(n)):
		return e.replace(dst, string(n), "number")
	}
	return append(dst, n...)
}

func storable(number string) bool {
	const mostDigits, mostExponent = 400, 400
	if first, last := number[0], number[len(number)-1]; len(number) > mostDigits ||
		first != '-' && !isDigit(first) || !isDigit(last) || !json.Valid([]byte(number)) {
		return false
	}
	e := strings.IndexAny(number, "eE")
	if e < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[e+1:])
	return err == nil && exponent >= -mostExponent && exponent <= mostExponent
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

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
	if losesText(string(text)) {
		e.note("utf8")
	}
	return e.value(dst, v, depth)
}

// losesText reports whether reading the JSON text puts U+FFFD in the place of
// something: of invalid UTF-8, for which encoding/json writes the escape \ufffd, or
// of half a surrogate pair.
func losesText(text string) bool {
	for rest := text; ; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 || i+1 >= len(rest) {
			return !utf8.ValidString(text)
		}
		rest = rest[i+1:]
		unit, ok := codeUnit(rest)
		switch {
		case !ok:
			rest = rest[1:] // whatever it is, it is escaped
			continue
		case unit == 0xfffd, unit >= 0xdc00 && unit <= 0xdfff:
			return true
		case unit < 0xd800 || unit > 0xdbff:
			continue
		}
		if len(rest) < 11 || rest[5] != '\\' {
			return true
		}
		if low, ok := codeUnit(rest[6:]); !ok || low < 0xdc00 || low > 0xdfff {
			return true
		}
		rest = rest[11:]
	}
}

// codeUnit reads the UTF-16 code unit of an escape that begins with u.
func codeUnit(escape string) (unit uint64, ok bool) {
	if len(escape) < 5 || escape[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(escape[1:5], 16, 16)
	return unit, err == nil
}
