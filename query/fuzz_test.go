package query

import (
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
	f.Add([]byte(logOf(1, 2, 1)+logOf(3)+"torn"), uint16(100), uint16(3))
	f.Add([]byte(logOf(1)+"damage\r\n\n"+strings.Repeat("x", 2000)+"\n"+logOf(0)), uint16(0), uint16(0))
	f.Add([]byte(`{"timestamp": "2026-11-23T09:07:37.197203+00:00", "action": "read", "granted": true, "metadata": {"id": 1}}`+"\n"), uint16(200), uint16(9))
	f.Add([]byte(strings.ReplaceAll(logOf(1, 1), `"id"`, `"\u0069d"`)), uint16(300), uint16(1))
	f.Add([]byte(strings.ReplaceAll(logOf(1, 2), `"granted"`, `"id":"00000000-0000-0000-0000-000000000002","granted"`)), uint16(0), uint16(40))
	f.Fuzz(func(t *testing.T, content []byte, cut, small uint16) {
		cut = min(cut, uint16(min(len(content), 1<<16-1)))
		directory := t.TempDir()
		paths := []string{filepath.Join(directory, "1.log"), filepath.Join(directory, "2.log")}
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
