package main

import (
	"context"
	"io"
	"time"

	"github.com/permaudit/audit"
	"github.com/rs/zerolog"
	"gopkg.in/natefinch/lumberjack.v2"
)

type zerologLog struct {
	unbuffered

	logger zerolog.Logger
	out    io.Closer // nil: nothing
}

func openZerolog(string) (log, error) { return newZerolog(io.Discard), nil }

func openZerologFile(path string) (log, error) {
	file := rotated(path)
	l := newZerolog(file)
	l.out = file
	return l, nil
}

func newZerolog(w io.Writer) zerologLog {
	zerolog.TimeFieldFormat = timeLayout // it is a setting of the package
	return zerologLog{logger: zerolog.New(w)}
}

// rotated is a file that would be rotated, but for its great size.
func rotated(path string) *lumberjack.Logger {
	const megabytes = 1 << 20
	return &lumberjack.Logger{Filename: path, MaxSize: megabytes}
}

// record says it in zerolog's cheapest words: an Interface or Fields of the map take
// several times as long.
func (l zerologLog) record(_ context.Context, d *decision) error {
	metadata := zerolog.Dict()
	for _, p := range d.pairs {
		metadata = metadata.Str(p.key, p.value)
	}
	l.logger.Log().Str("id", audit.NewEventID().String()).Time("timestamp", time.Now().UTC()).
		Str("action", string(d.Action)).Strs("attributes", d.Attributes).Bool("granted", d.Granted).Bool("bypassed", d.Bypassed).
		Str("manager", d.Manager).Str("user_id", d.UserID).Interface("user", nil).
		Strs("permissions", d.Permissions).Dict("metadata", metadata).
		Send()
	return nil
}

func (l zerologLog) close() error {
	if l.out == nil {
		return nil
	}
	return l.out.Close()
}
