package query

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFiles reads arbitrary bytes, cut into two files: nothing panics, both
// directions agree, and there is one pair at most for each line. The small limits
// put their boundaries within reach.
func FuzzFiles(f *testing.F) {
	line := func(id string) string {
		return `{"id":"00000000-0000-0000-0000-00000000000` + id + `","timestamp":"2026-11-23T07:46:20Z","action":"a","granted":true}` + "\n"
	}
	none := `{"timestamp": "2026-11-23T07:46:20+00:00", "action": "a", "granted": true, "metadata": {"id": 1}}`
	f.Add([]byte(line("1")+line("2")+line("1")+"torn"), uint16(100), uint16(3))
	f.Add([]byte(line("1")+"damage\r\n\n"+strings.Repeat("x", 50)+"\n"+none+"\r\n"), uint16(0), uint16(0))
	f.Add([]byte(strings.ReplaceAll(line("1")+line("1"), `"id"`, `"\u0069d"`)), uint16(200), uint16(1))
	f.Add([]byte(line("1")+strings.ReplaceAll(line("2"), `"granted"`, `"id":"00000000-0000-0000-0000-000000000001","granted"`)), uint16(0), uint16(200))
	directory := f.TempDir()
	paths := []string{filepath.Join(directory, "1.log"), filepath.Join(directory, "2.log")}
	f.Fuzz(func(t *testing.T, content []byte, cut, small uint16) {
		cut = min(cut, uint16(min(len(content), 1<<16-1)))
		if bytes.Contains(content, []byte("\x1f\x8b")) {
			t.Skip("files that are compressed have a test of their own")
		}
		require.NoError(t, os.WriteFile(paths[0], content[:cut], 0o600))
		require.NoError(t, os.WriteFile(paths[1], content[cut:], 0o600))
		for _, limits := range []limits{
			defaultLimits,
			{line: 16 + int(small%512), chunk: 1 + int(small%97), repeatLines: 1 + int(small%5), repeatFiles: int(small % 2)},
		} {
			source := &fileSource{patterns: paths, limits: limits}
			forward := yielded(t.Context(), source, Filter{})
			backward := yielded(t.Context(), source, Filter{Newest: true})
			slices.Reverse(backward)
			require.Equal(t, forward, backward)
			require.LessOrEqual(t, len(forward), strings.Count(string(content), "\n"))
			for _, pair := range forward {
				require.NotContains(t, pair[:5], "error")
			}
		}
	})
}
