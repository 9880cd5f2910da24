package audit

import (
	"encoding/json"
	"io/fs"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleOptions has a value for each option, and what it means.
var sampleOptions = map[string]struct{ value, want any }{
	"queue_size":       {float64(500), 500},
	"queue_bytes":      {"1MiB", int64(1 << 20)},
	"batch_size":       {json.Number("50"), 50},
	"flush_interval":   {0.25, 250 * time.Millisecond},
	"overflow":         {"drop", OverflowDrop},
	"max_wait":         {2, 2 * time.Second},
	"ack":              {"critical", AckCritical},
	"close_timeout":    {"1m30s", 90 * time.Second},
	"redact":           {"none", nil},
	"on_error":         {func(error) {}, nil},
	"mode":             {"0640", fs.FileMode(0o640)},
	"sync":             {"none", SyncNone},
	"max_size":         {"1.5 GB", int64(1_500_000_000)},
	"max_age":          {"24h", 24 * time.Hour},
	"max_backups":      {uint8(7), 7},
	"compress":         {true, true},
	"write_timeout":    {json.Number("0.5"), 500 * time.Millisecond},
	"dead_letter_path": {"/var/log/dead.log", "/var/log/dead.log"},
	"spool_path":       {"/var/log/spool", "/var/log/spool"},
	"spool_max_bytes":  {1024, int64(1024)},
}

// optionFields are the fields of options by their keys, those of Buffer too.
func optionFields(options any) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	value := reflect.ValueOf(options)
	for i := range value.NumField() {
		if name := value.Type().Field(i).Name; name != "Buffer" {
			fields[snakeCase(name)] = value.Field(i)
			continue
		}
		for key, field := range optionFields(value.Field(i).Interface()) {
			fields[key] = field
		}
	}
	return fields
}

// What the code can do, the settings can.
func TestEveryOptionHasItsKey(t *testing.T) {
	for class, read := range map[string]func(*optionReader) any{
		fileClass:     func(r *optionReader) any { return readFileOptions(r) },
		databaseClass: func(r *optionReader) any { return readDatabaseOptions(r) },
	} {
		for key := range optionFields(read(&optionReader{})) {
			t.Run(class+" "+key, func(t *testing.T) {
				sample, found := sampleOptions[key]
				require.True(t, found, "a new option needs a sample in this test")
				r := &optionReader{values: map[string]any{key: sample.value}}
				fields := optionFields(read(r))
				require.Empty(t, r.problems)
				for other, field := range fields {
					require.Equal(t, other != key, field.IsZero(), "%s: %v", other, field)
				}
				if sample.want != nil {
					require.Equal(t, sample.want, fields[key].Interface())
				}
			})
		}
	}
}

func TestNullOptionsAreDefaults(t *testing.T) {
	values := map[string]any{}
	for key := range sampleOptions {
		values[key] = nil
	}
	r := &optionReader{values: values}
	for key, field := range optionFields(readFileOptions(r)) {
		require.True(t, field.IsZero(), key)
	}
}

// oneOption reads one option of a file logger.
func oneOption(key string, value any, text bool) (any, []string) {
	r := &optionReader{text: text, values: map[string]any{key: value}}
	fields := optionFields(readFileOptions(r))
	return fields[key].Interface(), r.problems
}

func TestOptionValues(t *testing.T) {
	for _, row := range []struct {
		key   string
		value any
		want  any
	}{
		{"flush_interval", 0.25, 250 * time.Millisecond},
		{"flush_interval", 2, 2 * time.Second},
		{"flush_interval", int64(2), 2 * time.Second},
		{"flush_interval", float32(0.5), 500 * time.Millisecond},
		{"flush_interval", json.Number("0.25"), 250 * time.Millisecond},
		{"flush_interval", json.Number("3"), 3 * time.Second},
		{"flush_interval", 0.3, 300 * time.Millisecond},
		{"flush_interval", 1.001, 1001 * time.Millisecond},
		{"flush_interval", 1e-9, time.Nanosecond},
		{"flush_interval", 0.0, time.Duration(0)},
		{"flush_interval", "250ms", 250 * time.Millisecond},
		{"flush_interval", "1h2m", 62 * time.Minute},
		{"flush_interval", "0", time.Duration(0)},
		{"flush_interval", 5 * time.Millisecond, 5 * time.Millisecond},
		{"max_size", 1024, int64(1024)},
		{"max_size", 1e9, int64(1_000_000_000)},
		{"max_size", json.Number("1048576"), int64(1 << 20)},
		{"max_size", "64MiB", int64(64 << 20)},
		{"max_size", "1.5 GB", int64(1_500_000_000)},
		{"max_size", "10kb", int64(10_000)},
		{"max_size", "10 KiB", int64(10 << 10)},
		{"max_size", "512B", int64(512)},
		{"max_size", "2GiB", int64(2 << 30)},
		{"max_size", "1TB", int64(1_000_000_000_000)},
		{"max_size", "1TiB", int64(1 << 40)},
		{"max_size", "3MB", int64(3_000_000)},
		{"max_size", "0.1KB", int64(100)},
		{"max_size", "0B", int64(0)},
		{"batch_size", 500, 500},
		{"batch_size", 500.0, 500},
		{"batch_size", uint16(500), 500},
		{"batch_size", json.Number("500"), 500},
		{"batch_size", json.Number("5e2"), 500},
		{"mode", "0640", fs.FileMode(0o640)},
		{"mode", "640", fs.FileMode(0o640)},
		{"mode", fs.FileMode(0o600), fs.FileMode(0o600)},
		{"overflow", "block", OverflowBlock},
		{"overflow", "drop", OverflowDrop},
		{"overflow", OverflowDrop, OverflowDrop},
		{"ack", "queued", AckQueued},
		{"ack", "critical", AckCritical},
		{"ack", "durable", AckDurable},
		{"ack", AckDurable, AckDurable},
		{"sync", "batch", SyncBatch},
		{"sync", "none", SyncNone},
		{"compress", true, true},
		{"compress", false, false},
	} {
		got, problems := oneOption(row.key, row.value, false)
		require.Empty(t, problems, "%s: %#v", row.key, row.value)
		require.Equal(t, row.want, got, "%s: %#v", row.key, row.value)
	}
}

func TestOptionValuesOfAURL(t *testing.T) {
	for _, row := range []struct {
		key, value string
		want       any
	}{
		{"flush_interval", "0.25", 250 * time.Millisecond},
		{"flush_interval", "2", 2 * time.Second},
		{"flush_interval", "250ms", 250 * time.Millisecond},
		{"max_size", "64", int64(64)},
		{"max_size", "64MiB", int64(64 << 20)},
		{"max_size", "1.5 GB", int64(1_500_000_000)},
		{"batch_size", "500", 500},
		{"mode", "0640", fs.FileMode(0o640)},
		{"ack", "durable", AckDurable},
		{"compress", "true", true},
		{"compress", "0", false},
	} {
		got, problems := oneOption(row.key, row.value, true)
		require.Empty(t, problems, "%s: %q", row.key, row.value)
		require.Equal(t, row.want, got, "%s: %q", row.key, row.value)
	}
}

func TestOptionValuesThatAreRefused(t *testing.T) {
	const (
		number   = "must be a whole number: got "
		duration = `must be seconds as a number, or text like "250ms": got `
		size     = `must be a number of bytes, or text like "64MiB": got `
		mode     = `must be octal digits as text, like "0640": got `
		boolean  = "must be true or false: got "
		ack      = "must be one of queued, critical, durable: got "
		redact   = `must be "default", "none" or a Redactor: got `
		onError  = "must be a func(error): got "
	)
	for _, row := range []struct {
		key   string
		value any
		text  bool
		want  string
	}{
		{"batch_size", "500", false, number + `"500"`},
		{"batch_size", 1.5, false, number + "1.5"},
		{"batch_size", true, false, number + "true"},
		{"batch_size", math.NaN(), false, number + "NaN"},
		{"batch_size", math.Inf(1), false, number + "+Inf"},
		{"batch_size", int64(1 << 40), false, number},
		{"batch_size", json.Number("1e400"), false, number},
		{"batch_size", json.Number("NaN"), false, number},
		{"batch_size", time.Second, false, number + "1s"},
		{"batch_size", []any{1}, false, number + "a list"},
		{"batch_size", map[string]any{}, false, number + "a mapping"},
		{"batch_size", struct{ Password string }{"hunter2"}, false, number + "struct"},
		{"batch_size", "", true, number + `""`},
		{"batch_size", "many", true, number + `"many"`},
		{"batch_size", "Inf", true, number},
		{"flush_interval", "5", false, duration + `"5"`},
		{"flush_interval", "soon", false, duration + `"soon"`},
		{"flush_interval", "", true, duration},
		{"flush_interval", true, false, duration},
		{"flush_interval", 1e12, false, duration},
		{"flush_interval", math.NaN(), false, duration},
		{"flush_interval", json.Number("NaN"), false, duration},
		{"flush_interval", 1e-10, false, duration}, // not the default, which 0 stands for
		{"max_size", "64", false, size + `"64"`},
		{"max_size", "64M", false, size},
		{"max_size", "MiB", false, size},
		{"max_size", "", true, size},
		{"max_size", "64 parsecs", false, size + `"64 parsecs"`},
		{"max_size", "1e30B", false, size},
		{"max_size", "0.1B", false, size}, // not "never", which 0 stands for
		{"max_size", 0.5, false, size},
		{"max_size", json.Number("Infinity"), false, size},
		{"max_size", 1e30, false, size},
		{"max_size", time.Second, false, size},
		{"mode", 640, false, mode + "640"},
		{"mode", "rw-r-----", false, mode},
		{"mode", "0999", false, mode},
		{"mode", "", false, mode},
		{"mode", "77777777777777", false, mode},
		{"ack", "sometimes", false, ack + `"sometimes"`},
		{"ack", "Durable", false, ack},
		{"ack", 2, false, ack + "2"},
		{"ack", "", false, ack},
		{"compress", "true", false, boolean},
		{"compress", 1, false, boolean},
		{"compress", "yes", true, boolean},
		{"redact", "all", false, redact},
		{"redact", Redactor(nil), false, redact},
		{"redact", (func([]string, any) (any, bool))(nil), false, redact},
		{"on_error", "stderr", false, onError},
		{"on_error", (func(error))(nil), false, onError},
		{"on_error", func() {}, false, onError + "func()"},
	} {
		got, problems := oneOption(row.key, row.value, row.text)
		require.Len(t, problems, 1, "%s: %#v", row.key, row.value)
		require.Contains(t, problems[0], `option "`+row.key+`" `+row.want)
		require.NotContains(t, problems[0], "hunter2")
		require.Zero(t, got)
	}
}

func TestRulesAreReportedByKey(t *testing.T) {
	for _, row := range []struct {
		options map[string]any
		want    []string
	}{
		{map[string]any{"queue_size": -1}, []string{`option "queue_size" must not be negative: got -1`}},
		{map[string]any{"queue_bytes": "-5MiB"}, []string{`option "queue_bytes" must not be negative`}},
		{map[string]any{"flush_interval": -0.5}, []string{`option "flush_interval" must not be negative: got -500ms`}},
		{map[string]any{"max_size": -1}, []string{`option "max_size" must not be negative`}},
		{map[string]any{"max_backups": -1}, []string{`option "max_backups" must not be negative`}},
		{map[string]any{"max_age": "-1h"}, []string{`option "max_age" must not be negative`}},
		{map[string]any{"queue_size": 10, "batch_size": 11}, []string{`option "batch_size" must be at most`}},
		{map[string]any{"batch_size": 20000}, []string{`option "batch_size" must be at most`}},
		{map[string]any{"sync": "none", "ack": "durable"}, []string{`option "sync" none cannot keep what`}},
		{map[string]any{"sync": "none", "ack": "critical"}, []string{`option "sync" none cannot keep what`}},
		{map[string]any{"overflow": OverflowPolicy(9)}, []string{`option "overflow" must be one of [block drop]: got 9`}},
		{map[string]any{"mode": "1640"}, []string{`option "mode" must be permission bits`}},
		{
			map[string]any{"queue_size": -1, "batch_size": "x", "mode": 7, "max_age": -1, "typo": 1, "Path": "x"},
			[]string{`option "batch_size"`, `option "mode"`, `unknown option "Path"`, `unknown option "typo"`, `option "queue_size"`, `option "max_age"`},
		},
	} {
		r := &optionReader{values: row.options}
		readFileOptions(r)
		require.Len(t, r.problems, len(row.want), "%v", row.options)
		for i, want := range row.want {
			require.Contains(t, r.problems[i], want)
		}
	}
	r := &optionReader{values: map[string]any{"write_timeout": -1}}
	readDatabaseOptions(r)
	require.Equal(t, []string{`option "write_timeout" must not be negative: got -1s`}, r.problems)
}

func TestRedactors(t *testing.T) {
	mine := func([]string, any) (any, bool) { return "mine", true }
	for _, row := range []struct {
		value any
		want  Redactor
	}{
		{"default", DefaultRedactor},
		{"none", NoRedaction},
		{mine, mine},
		{Redactor(mine), mine},
	} {
		got, problems := oneOption("redact", row.value, false)
		require.Empty(t, problems)
		value, redacted := got.(Redactor)([]string{"password"}, "secret")
		wantValue, wantRedacted := row.want([]string{"password"}, "secret")
		require.Equal(t, wantValue, value)
		require.Equal(t, wantRedacted, redacted)
	}
	got, problems := oneOption("on_error", func(error) {}, false)
	require.Empty(t, problems)
	require.NotNil(t, got)
}
