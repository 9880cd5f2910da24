package main

import (
	"bytes"
	"encoding/json"

	"github.com/permaudit/audit"
)

// jsonEvents writes events as lines of the file format. Nothing is redacted or made up:
// an event without id has null.
type jsonEvents struct {
	*sheet

	live       bool
	line, safe []byte
}

func (w *jsonEvents) write(event *audit.PermissionAuditEvent) error {
	w.line = appendEvent(w.line[:0], event)
	line := w.line
	if !isSafe(line) {
		w.safe = appendSafeJSON(w.safe[:0], line)
		line = w.safe
	}
	if _, err := w.Write(line); err != nil {
		return err
	}
	if err := w.WriteByte('\n'); err != nil {
		return err
	}
	if w.live {
		return w.Flush()
	}
	return nil
}

func (w *jsonEvents) flush() error { return w.Flush() }

// noID is how a line begins whose event has none.
var noID = []byte(`{"id":"` + audit.EventID{}.String() + `"`)

// appendEvent appends the line of an event that was read.
func appendEvent(dst []byte, event *audit.PermissionAuditEvent) []byte {
	entry := audit.RecordedEntry(*event)
	start := len(dst)
	dst = entry.AppendJSON(dst)
	if line := dst[start:]; event.ID.IsZero() && bytes.HasPrefix(line, noID) {
		rest := line[len(noID):]
		line = append(append(line[:0], `{"id":null`...), rest...)
		dst = dst[:start+len(line)]
	}
	return dst
}

// jsonLines writes n values, one a line.
func (s *sheet) jsonLines(n int, value func(i int) any) error {
	for i := range n {
		line, err := json.Marshal(value(i))
		if err != nil {
			return err
		}
		if _, err := s.Write(append(appendSafeJSON(nil, line), '\n')); err != nil {
			return err
		}
	}
	return nil
}
