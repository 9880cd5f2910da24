package main

import "context"

// log is a logger under test. Its methods but close are called concurrently.
type log interface {
	record(ctx context.Context, d *decision) error
	// flush returns once everything is where it belongs: at once, where record does that.
	flush(ctx context.Context) error
	close() error
}

// subject is a way to log.
type subject struct {
	name   string
	ours   bool
	file   bool // it writes to one, a line an event; otherwise nowhere
	share  int  // it gets one in so many of the events, because it is slow
	denied int  // one in so many of its events is denied; 0: none
	open   func(path string) (log, error)
}

// decisions returns what a producer's i-th event is.
func (s *subject) decisions(d *decision) func(i int) *decision {
	if s.denied == 0 {
		return func(int) *decision { return d }
	}
	denied := d.denied()
	return func(i int) *decision {
		if i%s.denied == 0 {
			return denied
		}
		return d
	}
}

// The names of the subjects that goals speak of.
const (
	oursQueued    = "permaudit, file, queued"
	oursCritical  = "permaudit, file, critical, 1 % denied"
	oursDurable   = "permaudit, file, durable"
	zerologToNone = "zerolog, io.Discard"
	zerologToFile = "zerolog, lumberjack"
)

func subjects() []*subject {
	return []*subject{
		{name: "log/slog, io.Discard", share: 2, open: openSlog},
		{name: "zap, io.Discard", share: 1, open: openZap},
		{name: zerologToNone, share: 1, open: openZerolog},
		{name: zerologToFile, file: true, share: 2, open: openZerologFile},
		{name: "eventlogger, FileSink", file: true, share: 6, open: openEventlogger},
		{name: "Kubernetes audit log, lumberjack", file: true, share: 12, open: openKubernetes},
		{name: oursQueued, ours: true, file: true, share: 1, open: openQueued},
		{name: oursCritical, ours: true, file: true, share: 2, denied: 100, open: openCritical},
		{name: oursDurable, ours: true, file: true, share: 100, open: openDurable},
	}
}

// subjectNamed is one of them.
func subjectNamed(name string) *subject {
	for _, s := range subjects() {
		if s.name == name {
			return s
		}
	}
	panic("no subject is named " + name)
}
