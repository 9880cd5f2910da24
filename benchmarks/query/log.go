package main

import (
	"bufio"
	"context"
	"os"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/sample"
)

// log is a file of events, and what one must know of it to ask questions.
type log struct {
	path   string
	events int
	size   int64
	// frequent has the most events of all users, rare the most of those who have
	// at most rareEvents; "" if nobody is that rare.
	frequent, rare string
	counts         map[string]int // of the events of both
}

// rareEvents is less than what is asked for: all of the file must be searched.
const rareEvents = 30

// unknownUser is no user of a log, however long it is.
const unknownUser = "999"

// writeLog writes n events as the library encodes them.
func writeLog(ctx context.Context, path string, n int, seed uint64) (*log, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // the second time, unless there is an error already
	l := &log{path: path, events: n}
	w := bufio.NewWriterSize(file, 1<<20)
	counts := make(map[string]int)
	var line []byte
	for event := range sample.Events(n, seed) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entry, err := audit.NewEntry(ctx, event)
		if err != nil {
			return nil, err
		}
		line = append(entry.AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return nil, err
		}
		l.size += int64(len(line))
		if entry.UserID != "" {
			counts[entry.UserID]++
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	l.chooseUsers(counts)
	return l, file.Close()
}

func (l *log) chooseUsers(counts map[string]int) {
	for rank := range sample.Users { // in an order that is always the same
		user := sample.User(rank)
		count := counts[user]
		if count > counts[l.frequent] {
			l.frequent = user
		}
		if count > 0 && count <= rareEvents && count > counts[l.rare] {
			l.rare = user
		}
	}
	l.counts = map[string]int{l.frequent: counts[l.frequent], l.rare: counts[l.rare]}
}
