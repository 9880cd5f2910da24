//go:build cgo && unix

package faults_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// mutant is a mistake that somebody could make: a change of a file of the product. The
// test that is named for what it breaks must fail.
type mutant struct {
	mistake  string
	file     string // from the root of the repository
	was, is  string
	killedBy string // a test of the package that the file belongs to
	short    bool   // it is tried by `make test` too
}

var mutants = []mutant{
	{
		mistake: "no fsync", file: "file_sink.go",
		was: "err := s.file.Sync()", is: "var err error",
		killedBy: "TestEveryBatchIsFsynced",
	},
	{
		mistake: "no fsync, with a power cut", file: "file_sink.go",
		was: "err := s.file.Sync()", is: "var err error",
		killedBy: "TestFault01APowerCutAtAnyCallLosesNothingThatWasAcked",
	},
	{
		mistake: "second fsync on a failed descriptor", file: "file_sink.go",
		was: "		if err := s.sync(); err != nil {\n			return err\n		}\n	} else {", is: "		if err := s.sync(); err != nil {\n			s.spoiled = nil\n			if err := s.sync(); err != nil {\n				return err\n			}\n		}\n	} else {",
		killedBy: "TestAfterAFailedFsyncTheFileIsNeverWrittenAgain",
	},
	{
		mistake: "no fsync of the directory", file: "file_sink.go",
		was: "	err = s.fsys.SyncDir(directory)\n	if err == nil {", is: "	if err == nil {",
		killedBy: "TestNewNamesAreDurableBeforeTheFirstWrite",
	},
	{
		mistake: "ack before fsync", file: "buffer.go",
		was: "	err := w.deliver(group)\n", is: "	turn.batch.ack.resolve(nil)\n	turn.batch.ack = nil\n	err := w.deliver(group)\n",
		killedBy: "TestRecordReturnsAfterTheFsyncOfItsBatch",
	},
	{
		mistake: "torn tail overwritten", file: "torn.go",
		was: "	if err := appendDurably(fsys, path+tornSuffix, info.Mode().Perm(), tail); err != nil {", is: "	if err := error(nil); tail == nil {",
		killedBy: "TestATornTailIsDurableElsewhereBeforeItIsCutOff",
	},
	{
		mistake: "Close does not drain", file: "turn.go",
		was: "func (q *queue) take() turn {\n", is: "func (q *queue) take() turn {\n	if q.closing {\n		return turn{finished: true}\n	}\n",
		killedBy: "TestCloseWaitsForEverything",
	},
	{
		mistake: "batch dropped on an error", file: "buffer.go",
		was: "		w.failed(op, events, err)\n", is: "		w.failed(op, events, err)\n		return nil\n",
		killedBy: "TestAFailingWriteDoesNotEndTheWorker", short: true,
	},
	{
		mistake: "bare ON CONFLICT", file: "postgres/write.go",
		was: "ON CONFLICT (event_id) DO NOTHING", is: "ON CONFLICT DO NOTHING",
		killedBy: "TestOnlyRepeatsOfTheEventIDAreSkipped",
	},
	{
		mistake: "spool deleted before the commit", file: "spool.go",
		was: "	if !s.pending() && len(s.segments) > 0", is: "	if s.read == s.written && len(s.segments) > 0",
		killedBy: "TestWhatIsInTheSpoolStaysThereUntilItIsCommitted",
	},
	{
		mistake: "spool replayed out of order", file: "spool.go",
		was: "	for _, name := range names {\n		file, err", is: "	for i := range names {\n		name := names[len(names)-1-i]\n		file, err",
		killedBy: "TestTheNextProcessDeliversTheSpoolInOrder", short: true,
	},
	{
		mistake: "later events overtake the spool", file: "spooler.go",
		was: "	if s.pending() {\n		return turn{spooled: true}\n	}\n", is: "	if next := s.queue.take(); next.batch != nil {\n		s.sending = next.batch\n		return next\n	}\n	if s.pending() {\n		return turn{spooled: true}\n	}\n",
		killedBy: "TestASpoolIsBoundedThenThePolicyDecides",
	},
	{
		mistake: "repeated id stored twice", file: "sqlite/arguments.go",
		was: "			id = next(idLength)\n", is: "			next(idLength)\n",
		killedBy: "TestAnIDIsStoredOnceHoweverOftenItComes", short: true,
	},
	{
		mistake: "FlushInterval as an idle timer", file: "queue.go",
		was: "	if b.events == 0 {\n		b.opened = time.Now()\n", is: "	b.opened = time.Now()\n	if b.events == 0 {\n",
		killedBy: "TestATrickleIsWrittenWithinFlushInterval",
	},
	{
		mistake: "a batch counted as one event", file: "queue.go",
		was: "	events := uint64(to - from - gaps)", is: "	events := uint64(1)",
		killedBy: "TestStatsCountEventsNotBatches",
	},
	{
		mistake: "gap event missing", file: "queue.go",
		was: "	if q.dropped.events > 0 && q.gaps == 0 {\n		q.addGap()\n	}\n", is: "",
		killedBy: "TestOverflowDropDropsCountsAndSaysSoInTheLog",
	},
	{
		mistake: "a secret in the spool or a dead letter", file: "queue.go",
		was: "e.encode(ctx, event, q.options.Redact)", is: "e.encode(ctx, event, NoRedaction)",
		killedBy: "TestNoSecretIsInTheSpoolOrTheDeadLetters",
	},
	{
		mistake: "a batch dead-lettered on a connection error", file: "postgres/write.go",
		was: "	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, \"22\") || strings.HasPrefix(refused.Code, \"23\"))", is: "	return !errors.As(err, &refused)",
		killedBy: "TestNoConnectionErrorMakesADeadLetter",
	},
	{
		mistake: "spool larger than its limit", file: "spool.go",
		was: "	if used > 0 && used+int64(len(lines)) > s.limit {\n", is: "	if used > s.limit {\n",
		killedBy: "TestASpoolIsBoundedThenThePolicyDecides",
	},
	{
		mistake: "what is in the spool counted as lost at Shutdown", file: "buffered_logger.go",
		was: "stats.Pending - stats.Spooled", is: "stats.Pending",
		killedBy: "TestShutdownLeavesInTheSpoolWhatIsSafeThere",
	},
	{
		mistake: "Flush is content with the spool", file: "spooler.go",
		was: "	if b.flushed != nil && !b.finished {\n", is: "	if false {\n",
		killedBy: "TestFlushWaitsForTheDatabaseNotForTheSpool",
	},
	{
		mistake: "the second Close does not wait", file: "buffered_logger.go",
		was: "		if !closedBefore(l.queue.ended, ctx.Done()) {\n			return fmt.Errorf(\"audit: wait for shutdown: %w\", context.Cause(ctx))\n		}\n", is: "",
		killedBy: "TestASecondShutdownWaitsForTheFirst",
	},
	{
		mistake: "two writers of one file", file: "file_unix.go",
		was: "	if err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {\n		return nil, join(err, file.Close())\n	}\n", is: "",
		killedBy: "TestASecondLoggerOfTheProcessGetsErrLocked",
	},
}

// root is the root of the repository.
const root = "../.."

// mutated is the text of the file with the mistake in it.
func (m mutant) mutated(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, m.file))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), m.was), "%s: the place of the mistake %q in %s", m.mistake, m.was, m.file)
	return strings.Replace(string(text), m.was, m.is, 1)
}

// The mistakes are made in a copy of the file, which the compiler is told to take in
// its place.
func TestFault18EveryMutantIsKilledByTheTestNamedForIt(t *testing.T) {
	requireKillersPass(t)
	for _, m := range mutants {
		text := m.mutated(t)
		if !m.tried() {
			continue
		}
		t.Run(m.mistake, func(t *testing.T) {
			t.Parallel()
			directory := filepath.Dir(m.file)
			original, err := filepath.Abs(filepath.Join(root, m.file))
			require.NoError(t, err)
			temporary := t.TempDir()
			copied, overlay := filepath.Join(temporary, "mutant.go"), filepath.Join(temporary, "overlay.json")
			require.NoError(t, os.WriteFile(copied, []byte(text), 0o600))
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(overlay, replace, 0o600))

			output, err := goTest(t, directory, m.killedBy, "-overlay="+overlay)
			require.NotContains(t, string(output), "[build failed]", "it is no mutant that does not compile:\n%s", output)
			killed := err != nil && bytes.Contains(output, []byte(m.killedBy))
			if !killed {
				t.Logf("%v\n%s", err, output)
			}
			faults.ReportMutant(t, m.mistake, m.killedBy, killed)
		})
	}
}

// requireKillersPass checks that the tests fail because of the mutants alone.
func requireKillersPass(t *testing.T) {
	t.Helper()
	tests := map[string][]string{}
	for _, m := range mutants {
		if directory := filepath.Dir(m.file); m.tried() && !slices.Contains(tests[directory], m.killedBy) {
			tests[directory] = append(tests[directory], m.killedBy)
		}
	}
	for directory, names := range tests {
		output, err := goTest(t, directory, strings.Join(names, "|"), "-v")
		require.NoError(t, err, "without a mutant:\n%s", output)
		for _, name := range names {
			require.Contains(t, string(output), "--- PASS: "+name+" ")
		}
	}
}

// tried reports whether this run tries the mutant.
func (m mutant) tried() bool {
	server := filepath.Dir(m.file) != "postgres" || os.Getenv("AUDIT_TEST_POSTGRES_DSN") != ""
	return server && (faults.Full() || m.short)
}

func goTest(t *testing.T, directory, tests, flag string) (output []byte, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "test", "-short", "-count=1", "-timeout=2m", flag, "-run=^("+tests+")$", "./"+directory)
	command.Dir = root
	command.Env = append(os.Environ(), "GOWORK=off", "AUDIT_FAULTS=", "AUDIT_FAULTS_TABLE=")
	return command.CombinedOutput()
}
