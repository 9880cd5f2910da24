package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// optionReader takes options out of a mapping, and collects everything that is
// wrong with it.
type optionReader struct {
	values   map[string]any
	text     bool // they come from a URL: numbers are text
	known    []string
	problems []string
}

func (r *optionReader) problem(key, format string, args ...any) {
	r.problems = append(r.problems, "option "+show(key)+" "+fmt.Sprintf(format, args...))
}

// value returns what stands at key; nil if there is nothing, or null.
func (r *optionReader) value(key string) any {
	r.known = append(r.known, key)
	return r.values[key]
}

// finish reports the keys that nobody asked for.
func (r *optionReader) finish() {
	slices.Sort(r.known)
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		if !slices.Contains(r.known, key) {
			r.problems = append(r.problems, fmt.Sprintf("unknown option %s: accepted are %s", show(key), strings.Join(r.known, ", ")))
		}
	}
}

func readOption[T any](r *optionReader, key, want string, into *T, parse func(any) (T, bool)) {
	value := r.value(key)
	if value == nil {
		return
	}
	parsed, ok := parse(value)
	if !ok {
		r.problem(key, "must be %s: got %s", want, describe(value))
		return
	}
	*into = parsed
}

// describe shows a value in an error: text and numbers, never what is in a struct.
func describe(value any) string {
	if number, ok := value.(json.Number); ok {
		return "the number " + shorten(number.String())
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return "null"
	case reflect.String:
		return show(v.String())
	case reflect.Map:
		return "a mapping"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		if v.CanInt() || v.CanUint() || v.CanFloat() || v.Kind() == reflect.Bool {
			return fmt.Sprint(value)
		}
		return fmt.Sprintf("%T", value)
	}
}

// show quotes a text from the settings for an error, if it is made of words alone:
// anything else may be a connection string in the wrong place.
func show(text string) string {
	for _, c := range text {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(" ._-+", c) {
			return "(not shown, it may hold a password)"
		}
	}
	return strconv.Quote(shorten(text))
}

func (r *optionReader) string(key string, into *string) {
	readOption(r, key, "text", into, func(v any) (string, bool) {
		s, ok := v.(string)
		return s, ok
	})
}

func (r *optionReader) int(key string, into *int) {
	readOption(r, key, "a whole number", into, func(v any) (int, bool) {
		n, ok := r.number(v)
		return int(n), ok && n == math.Trunc(n) && math.Abs(n) < 1<<31
	})
}

func (r *optionReader) bool(key string, into *bool) {
	readOption(r, key, "true or false", into, func(v any) (bool, bool) {
		if s, ok := v.(string); ok && r.text {
			b, err := strconv.ParseBool(s)
			return b, err == nil
		}
		b, ok := v.(bool)
		return b, ok
	})
}

func (r *optionReader) size(key string, into *int64) {
	readOption(r, key, "a number of bytes, or text like \"64MiB\"", into, func(v any) (int64, bool) {
		if s, ok := v.(string); ok {
			return parseSize(s, r.text)
		}
		n, ok := r.number(v)
		return int64(n), ok && n == math.Trunc(n) && math.Abs(n) < 1<<62
	})
}

func (r *optionReader) duration(key string, into *time.Duration) {
	readOption(r, key, "seconds as a number, or text like \"250ms\"", into, func(v any) (time.Duration, bool) {
		if n, ok := r.number(v); ok {
			const most = float64(math.MaxInt64) / float64(time.Second)
			d := time.Duration(math.Round(n * float64(time.Second)))
			return d, math.Abs(n) < most && (d == 0) == (n == 0) // 0 is the default, 1e-10 is not
		}
		if d, ok := v.(time.Duration); ok {
			return d, true
		}
		s, _ := v.(string)
		d, err := time.ParseDuration(s)
		return d, err == nil
	})
}

func (r *optionReader) mode(key string, into *fs.FileMode) {
	readOption(r, key, "octal digits as text, like \"0640\"", into, func(v any) (fs.FileMode, bool) {
		if m, ok := v.(fs.FileMode); ok {
			return m, true
		}
		s, _ := v.(string)
		n, err := strconv.ParseUint(s, 8, 32)
		return fs.FileMode(n), err == nil
	})
}

func readEnum[T ~uint8](r *optionReader, key string, names []string, into *T) {
	readOption(r, key, "one of "+strings.Join(names, ", "), into, func(v any) (T, bool) {
		if t, ok := v.(T); ok {
			return t, true
		}
		s, _ := v.(string)
		i := slices.Index(names, s)
		return T(max(i, 0)), i >= 0
	})
}

// number reads any numeric type, and text from a URL.
func (r *optionReader) number(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, r.text && err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	case time.Duration, bool:
		return 0, false
	}
	switch value := reflect.ValueOf(v); {
	case value.CanInt():
		return float64(value.Int()), true
	case value.CanUint():
		return float64(value.Uint()), true
	case value.CanFloat():
		f := value.Float()
		return f, !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// sizeUnits are the factors that sizes may be written with.
var sizeUnits = map[string]int64{
	"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}

// parseSize reads "64MiB", "1.5 GB"; a bare number only if bare is set.
func parseSize(s string, bare bool) (int64, bool) {
	digits := strings.TrimRightFunc(s, func(c rune) bool { return unicode.IsLetter(c) || c == ' ' })
	unit := strings.ToUpper(strings.TrimSpace(s[len(digits):]))
	if unit == "" && bare {
		unit = "B"
	}
	factor, known := sizeUnits[unit]
	n, err := strconv.ParseFloat(digits, 64)
	size := math.Round(n * float64(factor))
	return int64(size), known && err == nil && math.Abs(size) < 1<<62 && (size == 0) == (n == 0)
}

// buffer reads the options that all loggers share.
func (r *optionReader) buffer() BufferOptions {
	var o BufferOptions
	r.int("queue_size", &o.QueueSize)
	r.size("queue_bytes", &o.QueueBytes)
	r.int("batch_size", &o.BatchSize)
	r.duration("flush_interval", &o.FlushInterval)
	readEnum(r, "overflow", overflowNames, &o.Overflow)
	r.duration("max_wait", &o.MaxWait)
	readEnum(r, "ack", ackNames, &o.Ack)
	r.duration("close_timeout", &o.CloseTimeout)
	readOption(r, "redact", "\"default\", \"none\" or a Redactor", &o.Redact, asRedactor)
	readOption(r, "on_error", "a func(error)", &o.OnError, func(v any) (func(error), bool) {
		f, ok := v.(func(error))
		return f, ok && f != nil
	})
	return o
}

func asRedactor(v any) (Redactor, bool) {
	switch v := v.(type) {
	case Redactor:
		return v, v != nil
	case func([]string, any) (any, bool):
		return v, v != nil
	case string:
		switch v {
		case "default":
			return DefaultRedactor, true
		case "none":
			return NoRedaction, true
		}
	}
	return nil, false
}

// readFileOptions reads the options of class FileAuditLogger, but for the path.
func readFileOptions(r *optionReader) (options FileOptions) {
	options.Buffer = r.buffer()
	r.mode("mode", &options.Mode)
	readEnum(r, "sync", syncNames, &options.Sync)
	r.size("max_size", &options.MaxSize)
	r.duration("max_age", &options.MaxAge)
	r.int("max_backups", &options.MaxBackups)
	r.bool("compress", &options.Compress)
	r.finish()
	_, err := options.withDefaults()
	r.rules(err)
	return options
}

// readDatabaseOptions reads the options of class DatabaseAuditLogger, but for the
// table and the database.
func readDatabaseOptions(r *optionReader) (options DatabaseOptions) {
	options.Buffer = r.buffer()
	r.duration("write_timeout", &options.WriteTimeout)
	r.string("spool_path", &options.SpoolPath)
	r.size("spool_max_bytes", &options.SpoolMaxBytes)
	r.string("dead_letter_path", &options.DeadLetterPath)
	r.finish()
	_, err := options.withDefaults()
	r.rules(err)
	return options
}

// rules adds what is wrong with the values of options, by their keys.
func (r *optionReader) rules(err error) {
	var wrong optionsError
	if !errors.As(err, &wrong) {
		return
	}
	for _, w := range wrong {
		r.problem(snakeCase(strings.TrimPrefix(w.field, "Buffer.")), "%s", w.problem)
	}
}

// snakeCase turns the name of a field into that of an option.
func snakeCase(field string) string {
	var key strings.Builder
	for i, c := range field {
		if unicode.IsUpper(c) && i > 0 {
			key.WriteByte('_')
		}
		key.WriteRune(unicode.ToLower(c))
	}
	return key.String()
}
