package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"iter"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

const (
	patienceOfTests = 30 * time.Second // for what should come soon
	tick            = 5 * time.Millisecond
)

func itoa(n int) string { return strconv.Itoa(n) }

// watched is a source that can be followed: events arrive through its channel.
type watched struct {
	query.Source

	last     int
	filter   query.Filter
	arriving chan audit.PermissionAuditEvent
}

func (w *watched) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	w.last, w.filter = last, f
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if !yield(audit.PermissionAuditEvent{}, &query.DamageError{File: "x", Line: 1, Err: io.ErrUnexpectedEOF}) {
			return
		}
		for {
			select {
			case e := <-w.arriving:
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				yield(audit.PermissionAuditEvent{}, context.Cause(ctx))
				return
			}
		}
	}
}

var (
	watching     = &watched{Source: query.Slice(nil), arriving: make(chan audit.PermissionAuditEvent)}
	registerOnce = sync.OnceValue(func() error {
		return query.RegisterSource("watched", func(context.Context, string) (*query.Handle, error) { return query.NewHandle(watching, nil), nil })
	})
)

func TestTailPrintsEachEventWhenItArrives(t *testing.T) {
	require.NoError(t, registerOnce())
	for _, format := range formats {
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		var said bytes.Buffer
		code := make(chan int)
		go func() {
			c := run(ctx, []string{"tail", "-f", "-n", "7", "--user", "42", "--from", "watched:", "-o", format, "--since", "2026-11-23"}, nil, in, &said, func(string) string { return "" })
			_ = in.Close()
			code <- c
		}()
		lines := bufio.NewScanner(out)
		watching.arriving <- event(1, nil)
		if format != formatJSON {
			require.True(t, lines.Scan(), "the titles")
		}
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), "42")
		watching.arriving <- event(2, nil) // only after the first one was printed
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), "42")
		cancel()
		require.False(t, lines.Scan())
		require.Zero(t, <-code)
		require.Equal(t, 7, watching.last)
		require.Equal(t, []string{"42"}, watching.filter.User.In)
		require.Equal(t, "window: 2026-11-23T00:00:00Z to now\nx:1: unexpected EOF\nnote: 1 line was damaged and left out\n", said.String())
	}
}

func TestAnInterruptedReadingIsNoAnswer(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"query"}, {"tail"}, {"denied"}, {"stats"}, {"trace", "a=b"}, {"import", "--to", "copy.log"}} {
		result := c.runIn(ctx, append(args, "-q")...)
		require.Equal(t, outcome{exitInterrupted, "", ""}, result, "%v", args)
	}
	require.NoFileExists(t, "copy.log")
}
