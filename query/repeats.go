package query

import (
	"bytes"
	"encoding/binary"

	"github.com/permaudit/audit"
)

// window finds the lines with the same id among the last ones that were read, in
// either direction.
type window struct {
	limits  limits
	line    int64    // how many lines there were
	heads   []uint32 // by a hash of the id: the last line that has it
	entries []entry  // of the last lines, by their number modulo the length
	highest audit.EventID
	lowest  audit.EventID
}

// entry is a line in the window. Lines are counted from 1, and 0 is none; what was
// counted is cut to 32 bits, which is enough for lines that are near.
type entry struct {
	id     audit.EventID
	before uint32 // the line before it that has the same hash
	file   int32
}

const headBits = 16

// add adds the next line, whose id is zero if it has none or is damaged. It returns
// the number of the latest line before it, counted from 0, that has the same id and is
// near enough, -1 if there is none.
func (w *window) add(id audit.EventID, file int) (same int64) {
	same = -1
	if !id.IsZero() {
		if w.heads == nil {
			w.heads, w.entries = make([]uint32, 1<<headBits), make([]entry, w.limits.repeatLines)
			w.highest, w.lowest = id, id
		}
		head := &w.heads[hash(id)]
		switch { // ids ascend, mostly
		case bytes.Compare(id[:], w.highest[:]) > 0:
			w.highest = id
		case bytes.Compare(id[:], w.lowest[:]) < 0:
			w.lowest = id
		default:
			same = w.find(*head, id, file)
		}
		w.entries[w.line%int64(len(w.entries))] = entry{id, *head, int32(file)} //nolint:gosec // G115: there are not so many
		*head = uint32(w.line + 1)                                              //nolint:gosec // G115: it is cut
	}
	w.line++
	return same
}

// find looks for an id in the lines of one hash, from the last one on.
func (w *window) find(at uint32, id audit.EventID, file int) int64 {
	for distance := int64(0); at != 0; {
		further := int64(uint32(w.line+1) - at) //nolint:gosec // G115: it is cut
		if further <= distance || further > int64(len(w.entries)) || further > w.line {
			break
		}
		distance = further
		e := &w.entries[(w.line-distance)%int64(len(w.entries))]
		if e.id == id {
			if file-int(e.file) <= w.limits.repeatFiles {
				return w.line - distance
			}
			break
		}
		at = e.before
	}
	return -1
}

// hash mixes the time in an id with what is random in it.
func hash(id audit.EventID) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	high, low := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	return (high*odd ^ low) * odd >> (64 - headBits)
}
