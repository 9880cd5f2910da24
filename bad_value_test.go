package audit_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Types of users of the library, with methods that misbehave.
type (
	panickingJSON   struct{ A int }
	panickingText   struct{ A int }
	panickingString string
	failingJSON     struct{ A int }
	failingText     struct{ A int }
	brokenJSON      struct{ A int }
	lyingJSON       struct{ text string }
	panickingError  struct{ A int }
	panickingKey    int
	failingKey      int
	textKey         struct{ name string }
	label           string
	colour          int
	withTime        struct {
		time.Time

		Name string
	}
	tagged struct {
		ID       int    `json:"id"`
		Password string `json:"password"`
		hidden   string
		Empty    string   `json:",omitempty"`
		Inner    *tagged  `json:"inner,omitempty"`
		List     []string `json:"list,omitempty"`
	}
	recursive struct{ Next *recursive }
)

func (panickingJSON) MarshalJSON() ([]byte, error) { panic("secret of MarshalJSON") }
func (panickingText) MarshalText() ([]byte, error) { panic("secret of MarshalText") }
func (panickingString) String() string             { panic("secret of String") }
func (failingJSON) MarshalJSON() ([]byte, error)   { return nil, errors.New("secret of MarshalJSON") }

func (failingText) MarshalText() ([]byte, error)  { return nil, errors.New("secret of MarshalText") }
func (brokenJSON) MarshalJSON() ([]byte, error)   { return []byte(`{"a":`), nil }
func (l lyingJSON) MarshalJSON() ([]byte, error)  { return []byte(l.text), nil }
func (panickingError) Error() string              { panic("secret of Error") }
func (panickingKey) MarshalText() ([]byte, error) { panic("secret of MarshalText") }
func (failingKey) MarshalText() ([]byte, error)   { return nil, errors.New("secret of MarshalText") }
func (k textKey) MarshalText() ([]byte, error)    { return []byte("key " + k.name), nil }
func (c colour) String() string                   { return "green" }

func TestEveryValueIsRecordedSomehow(t *testing.T) {
	var (
		nilPointer *int
		nilError   *net.OpError
		nilTime    *time.Time
		one            = 1
		pointer        = &one
		anyOne     any = 1
		loop           = &recursive{}
	)
	loop.Next = loop
	for name, row := range map[string]struct {
		value    any
		recorded string // the JSON
		reason   string
	}{
		"nil":                 {nil, `null`, ""},
		"bool":                {true, `true`, ""},
		"named string":        {label("x"), `"x"`, ""},
		"int8":                {int8(-128), `-128`, ""},
		"uint64":              {uint64(math.MaxUint64), `18446744073709551615`, ""},
		"int64":               {int64(math.MinInt64), `-9223372036854775808`, ""},
		"uintptr":             {uintptr(7), `7`, ""},
		"float":               {0.1, `0.1`, ""},
		"small float":         {1e-7, `1e-7`, ""},
		"great float":         {1e21, `1e+21`, ""},
		"greatest float":      {math.MaxFloat64, `1.7976931348623157e+308`, ""},
		"float32":             {float32(0.1), `0.1`, ""},
		"negative zero":       {math.Copysign(0, -1), `-0`, ""},
		"big.Int":             {big.NewInt(7), `7`, ""},
		"duration":            {time.Second, `1000000000`, ""},
		"number with a name":  {colour(3), `3`, ""},
		"NaN":                 {math.NaN(), `"NaN"`, "number"},
		"infinite":            {math.Inf(1), `"+Inf"`, "number"},
		"minus infinite":      {float32(math.Inf(-1)), `"-Inf"`, "number"},
		"channel":             {make(chan int), `"[unsupported: chan int]"`, "type"},
		"func":                {func() {}, `"[unsupported: func()]"`, "type"},
		"complex":             {complex(1, 2), `"[unsupported: complex128]"`, "type"},
		"nil pointer":         {nilPointer, `null`, "nil"},
		"nil error":           {error(nilError), `null`, "nil"},
		"nil marshaler":       {nilTime, `null`, "nil"},
		"nil func":            {(func())(nil), `null`, "nil"},
		"nil map":             {map[string]any(nil), `null`, ""},
		"nil typed map":       {map[string]int(nil), `null`, ""},
		"nil slice":           {[]string(nil), `null`, ""},
		"nil raw JSON":        {json.RawMessage(nil), `null`, ""},
		"pointer":             {&pointer, `1`, ""},
		"pointer to any":      {&anyOne, `1`, ""},
		"time":                {time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), `"2026-01-02T03:04:05.000000006Z"`, ""},
		"embedded time":       {withTime{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "x"}, `"2026-01-02T03:04:05.000000006Z"`, ""},
		"time of year 10000":  {time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), `"[error: time.Time]"`, "error"},
		"bytes":               {[]byte("\x00\xff"), `"AP8="`, ""},
		"array of bytes":      {[16]byte{1, 2}, `[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0]`, ""},
		"net.IP":              {net.IPv4(10, 0, 0, 1), `"10.0.0.1"`, ""},
		"netip.Addr":          {netip.MustParseAddr("::1"), `"::1"`, ""},
		"http.Header":         {http.Header{"Accept": {"a", "b"}, "X-Empty": nil}, `{"Accept":["a","b"],"X-Empty":null}`, ""},
		"strings":             {[]string{"a", ""}, `["a",""]`, ""},
		"list":                {[]any{1, "a", nil, []int{}}, `[1,"a",null,[]]`, ""},
		"error":               {errors.New("no \"route\""), `"no \"route\""`, ""},
		"error in an error":   {[]error{errors.New("a"), nil}, `["a",null]`, ""},
		"struct":              {tagged{ID: 1, hidden: "x", Inner: &tagged{ID: 2}}, `{"id":1,"inner":{"id":2,"password":"[redacted]"},"password":"[redacted]"}`, "redacted"},
		"pointer to struct":   {&struct{ A *int }{pointer}, `{"A":1}`, ""},
		"struct with channel": {struct{ C chan int }{make(chan int)}, `"[error: struct { C chan int }]"`, "error"},
		"endless struct":      {loop, `"[error: *audit_test.recursive]"`, "error"},
		"raw JSON":            {json.RawMessage(` {"b" : [1e3, "\u003c"] , "a":null} `), `{"a":null,"b":[1e3,"<"]}`, ""},
		"raw JSON twice":      {json.RawMessage(`{"a":1,"a":2}`), `{"a":2}`, ""},
		"bad raw JSON":        {json.RawMessage(`{"a":`), `"[invalid JSON: json.RawMessage]"`, "json"},
		"empty raw JSON":      {json.RawMessage(``), `"[invalid JSON: json.RawMessage]"`, "json"},
		"two raw JSON":        {json.RawMessage(`1 2`), `"[invalid JSON: json.RawMessage]"`, "json"},
		"raw JSON with NUL":   {json.RawMessage(`"\u0000"`), `"�"`, "nul"},
		"pointer to raw JSON": {new(json.RawMessage), `null`, ""},
		"number":              {json.Number("-1.50e+3"), `-1.50e+3`, ""},
		"no number":           {json.Number("1x"), `"1x"`, "number"},
		"number and space":    {json.Number("1 "), `"1 "`, "number"},
		"number and newline":  {json.Number("1\n"), `"1\n"`, "number"},
		"space and number":    {json.Number(" 1"), `" 1"`, "number"},
		"no number but JSON":  {json.Number("true"), `"true"`, "number"},
		"an octal number":     {json.Number("007"), `"007"`, "number"},
		"plus":                {json.Number("+1"), `"+1"`, "number"},
		"minus":               {json.Number("-"), `"-"`, "number"},
		"empty number":        {json.Number(""), `0`, ""},
		"greatest exponent":   {json.Number("1e400"), `1e400`, ""},
		"giant exponent":      {json.Number("1e401"), `"1e401"`, "number"},
		"giant raw exponent":  {json.RawMessage("1e-99999999999999999999"), `"1e-99999999999999999999"`, "number"},
		"longest number":      {json.Number(strings.Repeat("9", 400)), strings.Repeat("9", 400), ""},
		"giant number":        {json.Number(strings.Repeat("9", 401)), `"` + strings.Repeat("9", 401) + `"`, "number"},
		"map of int keys":     {map[int]string{10: "b", 9: "a"}, `{"10":"b","9":"a"}`, ""},
		"map of uint8 keys":   {map[uint8]bool{255: true}, `{"255":true}`, ""},
		"map of named keys":   {map[label]colour{"k": 1}, `{"k":1}`, ""},
		"map of named ints":   {map[colour]int{1: 1}, `{"1":1}`, ""},
		"map of text keys":    {map[textKey]int{{"a"}: 1}, `{"key a":1}`, ""},
		"map of YAML":         {map[any]any{"a": 1, 2: map[any]any{}}, `{"2":{},"a":1}`, ""},
		"map of bool keys":    {map[bool]int{true: 1}, `"[unsupported: map[bool]int]"`, "type"},
		"map of struct keys":  {map[struct{ A int }]int{{1}: 1}, `"[unsupported: map[struct { A int }]int]"`, "type"},
		"map of nil keys":     {map[any]int{nil: 1}, `"[unsupported: map[interface {}]int]"`, "type"},
		"same keys":           {map[any]int{"1": 1, 1: 1}, `{"1":1}`, "duplicate"},
		"panicking JSON":      {panickingJSON{}, `"[panic: audit_test.panickingJSON]"`, "panic"},
		"panicking pointer":   {&panickingJSON{}, `"[panic: *audit_test.panickingJSON]"`, "panic"},
		"panicking text":      {panickingText{}, `"[panic: audit_test.panickingText]"`, "panic"},
		"panicking String":    {panickingString("x"), `"x"`, ""}, // is not asked
		"panicking error":     {panickingError{}, `"[panic: audit_test.panickingError]"`, "panic"},
		"panicking inside":    {struct{ A []panickingJSON }{make([]panickingJSON, 1)}, `"[panic: struct { A []audit_test.panickingJSON }]"`, "panic"},
		"panicking in a list": {[]panickingJSON{{}}, `["[panic: audit_test.panickingJSON]"]`, "panic"},
		"failing JSON":        {failingJSON{}, `"[error: audit_test.failingJSON]"`, "error"},
		"failing text":        {failingText{}, `"[error: audit_test.failingText]"`, "error"},
		"broken JSON":         {brokenJSON{}, `"[error: audit_test.brokenJSON]"`, "error"},
		"JSON of two lines":   {lyingJSON{"{\n\"a\"\r\n:\"\u2028\"}"}, `{"a":"\u2028"}`, ""},
		"JSON of NUL":         {lyingJSON{`["\u0000","\ud800"]`}, `["�","�"]`, "utf8"},
		"secrets in JSON":     {lyingJSON{`{"token":1}`}, `{"token":"[redacted]"}`, "redacted"},
		"panicking key":       {map[panickingKey]int{1: 1}, `{"[panic: audit_test.panickingKey]":1}`, "panic"},
		"failing key":         {map[failingKey]int{1: 1}, `{"[error: audit_test.failingKey]":1}`, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			event := withValue(row.value)
			line, read := recordLine(t, event)
			requireCore(t, event, read)
			require.Contains(t, line, `"metadata":{"v":`+row.recorded+`}`)
			require.NotContains(t, line, "secret of")
			if row.reason == "" {
				require.Empty(t, read.Sanitized)
				return
			}
			require.True(t, strings.HasPrefix(read.Sanitized[0], "metadata.v"), read.Sanitized)
			require.True(t, strings.HasSuffix(read.Sanitized[0], ":"+row.reason), read.Sanitized)
		})
	}
}

// What encoding/json would write is what is recorded, where it can write it.
func TestOrdinaryValuesLookAsEncodingJSONWritesThem(t *testing.T) {
	for _, value := range []any{
		1.0, 1e20, 123456789.0, 1e-6, 9.999e-7, float32(1e21), float32(3.4e38), -0.5, 5e-324,
		map[string]any{"b": []int{1}, "a": map[string]bool{"x": true}},
		[2]string{"a", "b"},
		[0]int{},
		[]any{},
		map[string]int{},
		struct{}{},
		[]*int{nil},
		map[int]map[uint]string{-1: {1: "a"}},
	} {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		line, err := withValue(value).MarshalJSON()
		require.NoError(t, err)
		require.Contains(t, string(line), `"metadata":{"v":`+string(want)+`}`)
	}
}

func TestRepairedKeysThatMeetAreOneAndTheSameEachTime(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{"a\xff": "bad", "a\x00": "worse", "a\ufffd": "good"}
	for range 20 {
		line, read := recordLine(t, event)
		require.Contains(t, line, `"metadata":{"a`+"\ufffd"+`":"worse"}`)
		require.Equal(t, []string{"metadata.a\ufffd:nul", "metadata.a\ufffd:utf8", "metadata.a\ufffd:duplicate"}, read.Sanitized)
	}
}
