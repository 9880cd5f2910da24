package audittest

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/permaudit/audit"
)

// copies: a batch is its caller's again when WriteBatch has returned, as it is the
// worker's, which writes the next one into the same memory. Of two batches alike, one
// is left in peace.
func copies(s *storing) {
	const n = 24
	peaceful, batch := samples(s, n), samples(s, n)
	for i := range batch {
		batch[i].Timestamp = peaceful[i].Timestamp
	}
	ids := make([]audit.EventID, n)
	for i := range batch {
		ids[i] = batch[i].ID
	}
	s.write("events", peaceful)
	s.write("events", batch)
	overwrite(batch)
	if s.source == nil {
		return
	}
	const advice = "\nCopy the slices: bytes.Clone does it, or Entry.Event"
	events, err := s.read()
	if err != nil {
		s.broken("the caller overwrote a batch after WriteBatch had returned, and now the log cannot be read: %v"+advice, err)
		return
	}
	got, _ := byID(events)
	for i, id := range ids {
		twin, found := got[peaceful[i].ID]
		if !found {
			continue // which is for Delivers to say
		}
		stored, found := got[id]
		if !found {
			s.broken("the caller overwrote a batch after WriteBatch had returned, and the event %s is not in the log any more"+advice, id)
			return
		}
		twin.ID = id
		if found := exactDifferences(twin, stored); len(found) > 0 {
			s.broken("the caller overwrote a batch after WriteBatch had returned, and the log has changed with it: %s"+advice,
				shortened(strings.Join(found, "; ")))
			return
		}
	}
}

// overwrite puts something else wherever a batch can be written to. Its strings
// cannot be.
func overwrite(batch []audit.Entry) {
	for i := range batch {
		for _, column := range columns(&batch[i]) {
			for j := range column.text {
				column.text[j] = 'x'
			}
		}
		batch[i] = audit.Entry{ID: audit.NewEventID(), Action: "overwritten", Timestamp: begin, Manager: "overwritten"}
	}
}

// column is a slice of an entry.
type column struct {
	name string
	text []byte
}

func columns(entry *audit.Entry) []column {
	return []column{
		{"Attributes", entry.Attributes},
		{"Permissions", entry.Permissions},
		{"Metadata", entry.Metadata},
		{"Sanitized", entry.Sanitized},
	}
}

// leavesBatch: what comes again is what came.
func leavesBatch(s *storing) {
	const n = 12
	ended, cancel := context.WithCancelCause(s.Context())
	cancel(errNoTime)
	batch := samples(s, n)
	batch[n-1] = entryOf(s, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "\xff"})
	slices.Reverse(batch) // so that to sort it is to change it
	before := cloneBatch(batch)
	for _, write := range []struct {
		what string
		ctx  context.Context
	}{
		{"events, with a context that has ended,", ended},
		{"events", s.Context()},
		{"the same events again", s.Context()},
	} {
		_ = s.try(write.ctx, write.what, batch) // whether it succeeds is for other cases to say
		for i := range batch {
			if changed := changedFields(&before[i], &batch[i]); len(changed) > 0 {
				s.broken("WriteBatch of %s has changed the batch it was given: entry number %d has another %s. The next attempt would store that",
					write.what, i+1, strings.Join(changed, ", "))
				return
			}
		}
	}
}

// cloneBatch copies a batch deeply.
func cloneBatch(batch []audit.Entry) []audit.Entry {
	batch = slices.Clone(batch)
	for i := range batch {
		e := &batch[i]
		e.Attributes, e.Permissions = bytes.Clone(e.Attributes), bytes.Clone(e.Permissions)
		e.Metadata, e.Sanitized = bytes.Clone(e.Metadata), bytes.Clone(e.Sanitized)
	}
	return batch
}

// changedFields names the fields in which two entries differ.
func changedFields(before, after *audit.Entry) []string {
	var changed []string
	for i, was := range columns(before) {
		is := columns(after)[i]
		if !bytes.Equal(was.text, is.text) || (was.text == nil) != (is.text == nil) {
			changed = append(changed, was.name)
		}
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"ID", before.ID == after.ID},
		{"Timestamp", before.Timestamp.Equal(after.Timestamp)},
		{"Action", before.Action == after.Action},
		{"Granted", before.Granted == after.Granted},
		{"Bypassed", before.Bypassed == after.Bypassed},
		{"Manager", before.Manager == after.Manager},
		{"UserID", before.UserID == after.UserID},
		{"User", before.User == after.User},
	} {
		if !field.same {
			changed = append(changed, field.name)
		}
	}
	return changed
}
