package analysis_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// FuzzAcknowledgments reads arbitrary bytes: nothing panics, every problem has its line,
// and what is accepted is the same when it is written and read again.
func FuzzAcknowledgments(f *testing.F) {
	const rest = `"owner":"o","reason":"r","expires":"2027-03-31"}`
	f.Add("# comment\n\n{\"manager\":\"a\",\"metadata.b\":null," + rest)
	f.Add(`{"user":"\ud800\u0000<é","owner":"o","reason":"r","expires":"0000-01-01T00:00:00.000000001+00:01"}`)
	f.Add("\ufeff{\"manager\":\"a\",\"manager\":7,\"day\":{}}\r\n[\n{\"user\":\"\xff\"}")
	f.Add(`{"action":"a",` + rest + "\n" + `{"permission":"a",` + rest + "\n" + `{"action":"a",` + rest)
	f.Fuzz(func(t *testing.T, text string) {
		read, err := analysis.ReadAcknowledgments(strings.NewReader(text), "a")
		if err != nil {
			require.Nil(t, read)
			require.True(t, strings.HasPrefix(err.Error(), "a:"), err)
			return
		}
		var entries, again []*analysis.Acknowledgment
		var written strings.Builder
		for entry := range read.All() {
			require.NotEmpty(t, entry.Key)
			line, err := json.Marshal(entry)
			require.NoError(t, err)
			written.Write(append(line, '\n'))
			by, key := []string{}, []string{}
			for name, value := range entry.Key {
				by, key = append(by, name), append(key, value)
			}
			require.NoError(t, query.CheckDimensions(by))
			_, found := read.Find(by, key, entry.Expires)
			require.True(t, found)
			entry.Line = len(entries) + 1
			entries = append(entries, entry)
		}
		read, err = analysis.ReadAcknowledgments(strings.NewReader(written.String()), "b")
		require.NoError(t, err, written.String())
		for entry := range read.All() {
			again = append(again, entry)
		}
		require.Equal(t, entries, again)
	})
}
