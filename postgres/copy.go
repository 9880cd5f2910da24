package postgres

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// copy is the fast way. The rows are encoded while the server takes those before them.
func (s *Store) copy(ctx context.Context, conn *pgx.Conn, format *format, batch []audit.Entry) error {
	rows := newRows(format, batch, s.buffer)
	s.buffer = nil
	defer func() { s.buffer = rows.end() }()
	sql := "COPY " + s.reader.Table.SQL() + " (" + strings.Join(table.Written, ", ") + ") FROM STDIN (FORMAT " + format.name + ")"
	_, err := conn.PgConn().CopyFrom(ctx, rows, sql)
	return err
}

// format is one of those of COPY: what stands before the rows and behind them, and what
// appends one, in the order of table.Written.
type format struct {
	name       string
	begin, end string
	row        func(dst []byte, e *audit.Entry) []byte
}

// formatOf is the format for a table: binary, which the server reads with less work, if
// the columns have our own types, and otherwise text, which is right for any type.
func formatOf(layout table.Layout) *format {
	for _, column := range table.Written {
		if !slices.Contains(binaryTypes[column], layout.Types[column]) {
			return &textFormat
		}
	}
	return &binaryFormat
}

// encodedRows reads a batch as COPY takes it. After an error pgx may go on reading, when
// the batch is not ours any more, or even while the next one is copied: each has rows of
// its own.
type encodedRows struct {
	mu     sync.Mutex
	format *format
	batch  []audit.Entry // what is still to be encoded
	ended  bool
	buffer []byte // what is encoded
	read   int    // how much of it was read
}

// newRows returns the rows of a batch, which take over the memory of buffer.
func newRows(format *format, batch []audit.Entry, buffer []byte) *encodedRows {
	return &encodedRows{format: format, batch: batch, buffer: append(buffer[:0], format.begin...)}
}

// end returns the memory of the buffer. Neither that nor the batch is used any more.
func (r *encodedRows) end() (buffer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	buffer = r.buffer
	r.batch, r.buffer, r.read, r.ended = nil, nil, 0, true
	if cap(buffer) > audit.MaxBatchBytes { // a large event
		return nil
	}
	return buffer
}

// Read implements io.Reader.
func (r *encodedRows) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.buffer)-r.read < len(p) && !r.ended {
		r.fill(len(p))
	}
	if r.read == len(r.buffer) && r.ended {
		return 0, io.EOF
	}
	n := copy(p, r.buffer[r.read:])
	r.read += n
	return n, nil
}

// fill encodes rows until there are n bytes to be read, or no rows any more.
func (r *encodedRows) fill(n int) {
	r.buffer, r.read = append(r.buffer[:0], r.buffer[r.read:]...), 0
	for len(r.buffer) < n && len(r.batch) > 0 {
		r.buffer = r.format.row(r.buffer, &r.batch[0])
		r.batch = r.batch[1:]
	}
	if len(r.batch) == 0 {
		r.buffer, r.ended = append(r.buffer, r.format.end...), true
	}
}
