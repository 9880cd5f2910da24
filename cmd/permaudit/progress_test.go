package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressIsShownAfterAWhileAndTakenAway(t *testing.T) {
	var terminal bytes.Buffer
	v := &invocation{stderr: &terminal}
	p := newProgress(v)
	v.progress = p
	require.True(t, p.bar.IsStarted(), "the rate is that since the beginning")
	p.report(1, 100)
	require.Empty(t, terminal.String(), "most commands are done soon")

	p.begun = time.Now().Add(-patience)
	p.report(50, 100)
	require.Contains(t, terminal.String(), "reading")
	require.Contains(t, terminal.String(), "50%")
	p.hide()
	require.True(t, strings.HasSuffix(strings.TrimRight(terminal.String(), " "), "\r") || strings.HasSuffix(terminal.String(), "\r"), "%q", terminal.String())

	p.stop()
	before := terminal.Len()
	p.report(60, 100)
	require.Equal(t, before, terminal.Len(), "nothing comes after the end")
}

func TestProgressOfUnknownLengthIsShownToo(t *testing.T) {
	var terminal bytes.Buffer
	p := newProgress(&invocation{stderr: &terminal})
	p.begun = time.Now().Add(-patience)
	var together sync.WaitGroup
	for range 4 {
		together.Go(func() { p.report(5<<20, 0) })
	}
	together.Wait()
	require.Contains(t, terminal.String(), "5.0 MiB")
	p.stop()
}

func TestNoProgressWithoutATerminal(t *testing.T) {
	v := &invocation{stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }}
	ctx, stop := v.watch(t.Context())
	defer stop()
	require.Equal(t, t.Context(), ctx)
	require.Nil(t, v.progress)
	v.progress.hide() // nothing happens
}
