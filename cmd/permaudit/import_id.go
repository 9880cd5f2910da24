package main

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/permaudit/audit"
)

// idMaker derives ids for events that have none: a UUID of version 7, whose time is that
// of the event, and the rest of which are bits of the SHA-256 of its line and of how
// often that line came before. The same log gives the same ids. Memory grows with the
// number of such events, by some 50 bytes each.
type idMaker struct {
	seen map[[16]byte]uint32 // by a part of the line's sum
	line []byte
}

func newIDMaker() *idMaker { return &idMaker{seen: make(map[[16]byte]uint32)} }

// id returns the id for the next event without one.
func (m *idMaker) id(event audit.PermissionAuditEvent) audit.EventID {
	entry := audit.RecordedEntry(event)
	m.line = entry.AppendJSON(m.line[:0])
	sum := sha256.Sum256(m.line)
	key := [16]byte(sum[:16])
	occurrence := m.seen[key]
	m.seen[key] = occurrence + 1

	sum = sha256.Sum256(binary.BigEndian.AppendUint32(m.line, occurrence))
	id := audit.EventID(sum[:16])
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(max(0, entry.Timestamp.UnixMilli())))
	copy(id[:6], millis[2:])
	id[6] = 0x70 | id[6]&0x0f // version 7
	id[8] = 0x80 | id[8]&0x3f // the variant of RFC 9562
	return id
}
