package audit_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// requireRecovered opens and closes the log at path twice, and checks that it holds
// whole afterwards, and that its tail was set aside.
func requireRecovered(t *testing.T, path, whole, tail string) {
	t.Helper()
	errs := newHeard()
	for range 2 {
		logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Buffer: audit.BufferOptions{OnError: errs.add}})
		require.NoError(t, err)
		require.NoError(t, logger.Close())
		requireLedger(t, logger.Stats())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, whole, string(text), "the log holds every whole line, and nothing else")
		aside, err := os.ReadFile(path + ".torn")
		if tail == "" {
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.Empty(t, errs.text())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tail+"\n", string(aside), "the tail was set aside, once")
		require.Equal(t, 1, strings.Count(errs.text(), "ended in the middle of a line: its last "), errs.text())
	}
}

func TestFault07ALogTruncatedAtAnyByteKeepsEveryWholeLine(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "permission.log")
	first := lineOf(t, granted("first")) + "\n"
	text := first + lineOf(t, granted("second")) + "\n"
	var counts faults.Counts
	rounds, step := 0, 1
	if testing.Short() {
		step = 13
	}
	for size := 0; size <= len(text); size += step {
		require.NoError(t, os.WriteFile(path, []byte(text[:size]), 0o600))
		whole := ""
		switch {
		case size == len(text):
			whole = text
		case size >= len(first):
			whole = first
		}
		requireRecovered(t, path, whole, text[len(whole):size])
		require.NoError(t, os.RemoveAll(path+".torn"))
		rounds++
		there := strings.Count(text[:size], "\n")
		counts.Add(faults.Counts{Submitted: 2, Acked: there, Found: len(logged(t, path)), Lost: there - len(logged(t, path))})
	}
	faults.Report(t, faults.Row{Fault: "7 log truncated at every byte", Rounds: rounds, Counts: counts, Note: "acked: the whole lines"})
}

// What is whole is delivered, what is torn is set aside.
func TestFault07ASpoolTruncatedAtAnyByteDeliversEveryWholeLine(t *testing.T) {
	var counts faults.Counts
	rounds := 0
	first, second := lineOf(t, granted("m0"))+"\n", lineOf(t, granted("m1"))+"\n"
	text := first + second
	for size := 0; size <= len(text); size += faults.Rounds(13, 1) {
		synctest.Test(t, func(t *testing.T) {
			path := spoolPath(t)
			// A file that was given up, and the one that followed it, end anywhere.
			rotated := strings.TrimSuffix(path, ".spool") + "-20260101T000000.000000Z.spool"
			require.NoError(t, os.WriteFile(rotated, []byte(text[:size]), 0o600))
			require.NoError(t, os.WriteFile(path, []byte(text[:size]), 0o600))
			store := &memorySink{}
			for range 2 {
				store.closed = 0
				logger := spooling(t, store, path, nil)
				require.NoError(t, logger.Flush(t.Context()))
				require.NoError(t, logger.Close())
				requireLedger(t, logger.Stats())
			}
			whole := strings.Count(text[:size], "\n")
			require.Equal(t, named(whole), store.managers())
			require.Equal(t, []string{path}, spoolFiles(t, path))
			if tail := text[:size][strings.LastIndexByte(text[:size], '\n')+1:]; tail != "" {
				aside, err := os.ReadFile(path + ".torn")
				require.NoError(t, err)
				require.Equal(t, tail+"\n"+tail+"\n", string(aside))
			}
			rounds++
			counts.Add(faults.Counts{Submitted: 2, Acked: whole, Found: len(store.managers())})
		})
	}
	faults.Report(t, faults.Row{Fault: "7 spool truncated at every byte", Rounds: rounds, Counts: counts, Note: "acked: the whole lines"})
}

func TestFault07DamagedTailsAreSetAside(t *testing.T) {
	line := lineOf(t, granted("m0")) + "\n"
	noise := make([]byte, 100_000)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	withoutLF := string(bytes.ReplaceAll(noise, []byte("\n"), []byte("n")))
	for name, row := range map[string]struct{ whole, tail string }{
		"zeros":                        {line, strings.Repeat("\x00", 4096)},
		"many zeros":                   {line, strings.Repeat("\x00", 300_000)},
		"noise":                        {line, withoutLF},
		"noise with a line end in it":  {line + withoutLF + "\n", withoutLF},
		"nothing but a torn line":      {"", line[:50]},
		"nothing but zeros":            {"", strings.Repeat("\x00", 70_000)},
		"a line without its end":       {line, strings.TrimSuffix(line, "\n")},
		"nothing but a line's end":     {"\n", ""},
		"a byte less than a chunk":     {line, strings.Repeat("x", 64<<10-1)},
		"a chunk":                      {line, strings.Repeat("x", 64<<10)},
		"a byte more than a chunk":     {line, strings.Repeat("x", 64<<10+1)},
		"two chunks":                   {line, strings.Repeat("x", 128<<10)},
		"a chunk and nothing else":     {"", strings.Repeat("x", 64<<10)},
		"line ends at a chunk's start": {strings.Repeat("x", 64<<10-1) + "\n", strings.Repeat("x", 64<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "permission.log")
			require.NoError(t, os.WriteFile(path, []byte(row.whole+row.tail), 0o600))
			requireRecovered(t, path, row.whole, row.tail)
		})
	}
}

func TestAfterRecoveryTheLogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	var tails strings.Builder
	for i, name := range named(3) {
		logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{OnError: ignored}})
		record(t, logger, name)
		require.NoError(t, logger.Close())
		require.Equal(t, named(i+1), logged(t, path))
		appendTo(t, path, `{"torn":`+name)
		tails.WriteString(`{"torn":` + name + "\n")
	}
	require.NoError(t, openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{OnError: ignored}}).Close())
	aside, err := os.ReadFile(path + ".torn")
	require.NoError(t, err)
	require.Equal(t, tails.String(), string(aside), "each tail is a line of its own")
}

func TestTheFileForTornTailsIsAsPrivateAsTheLog(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o640} {
		path := filepath.Join(t.TempDir(), "permission.log")
		require.NoError(t, os.WriteFile(path, []byte("torn"), mode))
		require.NoError(t, openLog(t, path, audit.FileOptions{Mode: 0o666, Buffer: audit.BufferOptions{OnError: ignored}}).Close())
		require.Equal(t, created(t, mode), permissions(t, path+".torn"))
	}
}
