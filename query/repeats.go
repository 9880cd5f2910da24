package query

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/permaudit/audit"
)

// window finds the lines with the same id among the last ones that were read, in
// either direction.
type window struct {
	limits  limits
	line    int64    // how many lines there were
	heads   []uint32 // by a hash of the id: the last line that has it; a power of two
	entries []entry  // of the last lines, by their number modulo the length; grows up to the limit

	lowest, highest audit.EventID // that there were

	seed uint64 // of the hash, so that nobody makes ids that have the same one
}

// entry is a line in the window. Lines are counted from 1, and 0 is none; what was
// counted is cut to 32 bits, which is enough for lines that are near.
type entry struct {
	id     audit.EventID
	before uint32 // the line before it that has the same hash
	file   int32
}

// add adds the next line, whose id is zero if it has none or is damaged. It returns
// the number of the latest line before it, counted from 0, that has the same id and is
// near enough, -1 if there is none.
func (w *window) add(id audit.EventID, file int) (same int64) {
	same = -1
	if !id.IsZero() {
		w.grow()
		head := w.head(id)
		switch { // ids ascend, mostly
		case w.highest.IsZero():
			w.lowest, w.highest = id, id
		case bytes.Compare(id[:], w.highest[:]) > 0:
			w.highest = id
		case bytes.Compare(id[:], w.lowest[:]) < 0:
			w.lowest = id
		default:
			same = w.find(*head, id, file)
		}
		w.insert(w.line, id, int32(file)) //nolint:gosec // G115: there are not so many
	}
	w.line++
	return same
}

// grow makes room for the next line: few files are long.
func (w *window) grow() {
	const first = 1 << 10
	length := int64(len(w.entries))
	if w.line < length || int(length) == w.limits.repeatLines {
		return
	}
	for length <= w.line && int(length) < w.limits.repeatLines {
		length = min(max(2*length, first), int64(w.limits.repeatLines))
	}
	if w.seed == 0 {
		w.seed = rand.Uint64() //nolint:gosec // G404: others cannot see it
	}
	old := w.entries
	w.entries = make([]entry, length)
	w.heads = make([]uint32, first)
	for int64(len(w.heads)) < length {
		w.heads = make([]uint32, 2*len(w.heads))
	}
	for line := range old { // none was overwritten yet
		if e := &old[line]; !e.id.IsZero() {
			w.insert(int64(line), e.id, e.file)
		}
	}
}

func (w *window) insert(line int64, id audit.EventID, file int32) {
	head := w.head(id)
	w.entries[line%int64(len(w.entries))] = entry{id, *head, file}
	*head = uint32(line + 1) //nolint:gosec // G115: it is cut
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

// head is the place of the last line with the hash of the id, which mixes the time in
// it with what is random in it.
func (w *window) head(id audit.EventID) *uint32 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	high, low := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	hash := ((high^w.seed)*odd ^ low) * odd
	return &w.heads[hash>>(64-bits.TrailingZeros(uint(len(w.heads))))] // its upper bits depend on all others
}
