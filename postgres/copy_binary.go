package postgres

import (
	"encoding/binary"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// binaryFormat has a signature, flags and the length of an extension before the rows,
// and the number of columns -1 behind them.
var binaryFormat = format{
	name:  "binary",
	begin: "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00",
	end:   "\xff\xff",
	row:   appendBinaryRow,
}

// binaryTypes are the types that appendBinaryRow writes, by the names that the server has for
// them. The binary form of a varchar is that of a text.
var binaryTypes = map[string][]string{
	"event_id":    {"uuid"},
	"created_at":  {"timestamp with time zone"},
	"action":      {"text", "character varying"},
	"attributes":  {"jsonb"},
	"granted":     {"boolean"},
	"bypassed":    {"boolean"},
	"manager":     {"text", "character varying"},
	"user_id":     {"text", "character varying"},
	"user_repr":   {"text", "character varying"},
	"permissions": {"jsonb"},
	"metadata":    {"jsonb"},
	"sanitized":   {"jsonb"},
}

// epoch is where PostgreSQL counts the microseconds of a timestamp from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// Each value has its length before it; null has the length -1.
func appendBinaryRow(dst []byte, e *audit.Entry) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(table.Written))) //nolint:gosec // G115: a dozen
	if e.ID.IsZero() {                                                   // two events without an id are not the same
		dst = appendNull(dst)
	} else {
		dst = append(appendLength(dst, len(e.ID)), e.ID[:]...)
	}
	dst = binary.BigEndian.AppendUint64(appendLength(dst, 8), uint64(e.Timestamp.UnixMicro()-epoch)) //nolint:gosec // G115: two's complement
	dst = append(appendLength(dst, len(e.Action)), e.Action...)
	dst = appendJSON(dst, list(e.Attributes))
	for _, b := range [...]bool{e.Granted, e.Bypassed} {
		if dst = append(appendLength(dst, 1), 0); b {
			dst[len(dst)-1] = 1
		}
	}
	for _, text := range [...]string{e.Manager, e.UserID, e.User} {
		if text == "" {
			dst = appendNull(dst)
		} else {
			dst = append(appendLength(dst, len(text)), text...)
		}
	}
	dst = appendJSON(dst, list(e.Permissions))
	dst = appendJSON(dst, e.Metadata)
	return appendJSON(dst, e.Sanitized)
}

// appendJSON appends a jsonb: the version of its form, and its text.
func appendJSON(dst, json []byte) []byte {
	if len(json) == 0 {
		return appendNull(dst)
	}
	return append(append(appendLength(dst, 1+len(json)), 1), json...)
}

func appendLength(dst []byte, length int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(length)) //nolint:gosec // G115: an event is smaller
}

func appendNull(dst []byte) []byte { return append(dst, "\xff\xff\xff\xff"...) }
