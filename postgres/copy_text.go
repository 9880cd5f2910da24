package postgres

import (
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

var textFormat = format{name: "text", row: appendTextRow}

func appendTextRow(dst []byte, e *audit.Entry) []byte {
	if e.ID.IsZero() { // two events without an id are not the same
		dst = append(dst, `\N`...)
	} else {
		dst, _ = e.ID.AppendText(dst)
	}
	dst = appendTime(append(dst, '\t'), e.Timestamp)
	dst = appendText(append(dst, '\t'), string(e.Action))
	dst = appendText(append(dst, '\t'), list(e.Attributes))
	dst = append(dst, '\t', truth(e.Granted), '\t', truth(e.Bypassed))
	for _, text := range [...]string{e.Manager, e.UserID, e.User} {
		dst = appendOptional(append(dst, '\t'), text)
	}
	dst = appendText(append(dst, '\t'), list(e.Permissions))
	dst = appendOptional(append(dst, '\t'), e.Metadata)
	dst = appendOptional(append(dst, '\t'), e.Sanitized)
	return append(dst, '\n')
}

func appendTime(dst []byte, t time.Time) []byte { return append(table.AppendTime(dst, t), "+00"...) }

func truth(b bool) byte {
	if b {
		return 't'
	}
	return 'f'
}

// appendOptional appends null for an empty text.
func appendOptional[T string | []byte](dst []byte, text T) []byte {
	if len(text) == 0 {
		return append(dst, `\N`...)
	}
	return appendText(dst, text)
}

// appendText escapes what has a meaning in COPY's text format.
func appendText[T string | []byte](dst []byte, text T) []byte {
	from := 0
	for i := range len(text) {
		var escape byte
		switch text[i] {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(dst, text[from:]...)
}
