package audit

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Whatever stands in a spool, each whole line of it is delivered, or becomes a dead
// letter as it stands.
func FuzzSpool(f *testing.F) {
	f.Add([]byte(entryLine+"\n"+entryLine), []byte("\n \r\nwhat is this?\n"+entryLine+"\n"))
	gap := bytes.Replace([]byte(entryLine), []byte(`"update"`), []byte(`"gap"`), 1)
	f.Add(append(gap, '\n'), []byte("{}\n\x00\n"))
	f.Fuzz(func(t *testing.T, rotated, live []byte) {
		synctest.Test(t, func(t *testing.T) {
			fsys := newSimFS(rand.New(rand.NewPCG(1, 1)))
			directory := fsys.root.names["sim"]
			directory.names["permission-20260101T000000.000000Z.log"] = &simNode{data: bytes.Clone(rotated)}
			directory.names["permission.log"] = &simNode{data: bytes.Clone(live)}
			store := &switchable{ids: map[EventID]bool{}}
			options := &DatabaseOptions{SpoolPath: simLog, Buffer: BufferOptions{OnError: func(error) {}}}
			complete, err := options.withDefaults()
			require.NoError(t, err)
			logger, err := newDatabaseAuditLogger(fsys, store, complete)
			require.NoError(t, err)
			require.NoError(t, logger.Flush(t.Context()))
			require.NoError(t, logger.Close())
			lines := uint64(0)
			for _, file := range [][]byte{rotated, live} {
				for line := range bytes.Lines(file) {
					if bytes.HasSuffix(line, []byte("\n")) && !isBlank(line) {
						lines++
					}
				}
			}
			stats := logger.Stats()
			require.Equal(t, lines, stats.Written+stats.DeadLettered+stats.Gaps)
			require.Equal(t, stats.Recovered, stats.Written+stats.DeadLettered)
			require.Zero(t, stats.Pending+stats.Spooled)
			dead := uint64(bytes.Count(fsys.read(simLog+".dead"), []byte("\n")))
			require.LessOrEqual(t, stats.DeadLettered, dead) // gap events do not count
			require.LessOrEqual(t, dead, stats.DeadLettered+stats.Gaps)
			require.Empty(t, fsys.read(simLog))
		})
	})
}
