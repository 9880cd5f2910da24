package audit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestTheNextProcessDeliversTheSpoolInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		names := named(3000)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) { o.SpoolMaxBytes, o.Buffer.BatchSize = 1<<20, 100 })
		recordAll(t, logger, names[:2000]...)
		require.NoError(t, logger.Close())
		require.Greater(t, len(spoolFiles(t, path)), 2, "several files")
		require.EqualValues(t, 2000, logger.Stats().Spooled)

		broken.Store(false)
		store.closed = 0
		logger = spooling(t, store, path, nil)
		stats := logger.Stats()
		requireLedger(t, stats)
		require.EqualValues(t, 2000, stats.Recovered)
		recordAll(t, logger, names[2000:]...)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, names, store.managers(), "before what comes later")
		stats = logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{1000, 2000, 3000, 0}, []uint64{stats.Recorded, stats.Recovered, stats.Written, stats.Pending})
		require.NoError(t, logger.Close())
		require.Empty(t, logged(t, spoolFiles(t, path)...))
	})
}

// The database is down all the time, the files are rotated in every process.
func TestSeveralProcessesAddToTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		names := named(3000)
		for life := range 3 {
			store.closed = 0
			logger := spooling(t, store, path, func(o *audit.DatabaseOptions) { o.SpoolMaxBytes, o.Buffer.BatchSize = 4<<20, 100 })
			recordAll(t, logger, names[1000*life:1000*(life+1)]...)
			<-time.After(time.Minute)
			require.EqualValues(t, 1000*(life+1), logger.Stats().Spooled)
			if life == 2 {
				broken.Store(false)
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, names, store.managers())
			}
			require.NoError(t, logger.Close())
		}
		require.Equal(t, []string{path}, spoolFiles(t, path))
		require.Empty(t, logged(t, path))
	})
}

func TestWhatIsInTheSpoolIsDeliveredThoughNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		recordAll(t, logger, named(3)...)
		require.NoError(t, logger.Close())
		broken.Store(false)
		store.closed = 0
		logger = spooling(t, store, path, nil)
		synctest.Wait()
		require.Equal(t, named(3), store.managers())
		require.NoError(t, logger.Close())
	})
}
