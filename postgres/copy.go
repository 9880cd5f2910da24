package postgres

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// copy is the fast way. The rows are encoded while the server takes those before them:
// in binary, which it reads with less work, if the columns have our own types, and
// otherwise as text, which is right for columns of any type.
func (s *Store) copy(ctx context.Context, conn *pgx.Conn, layout table.Layout, batch []audit.Entry) error {
	format := &textFormat
	if isBinary(layout) {
		format = &binaryFormat
	}
	s.copied.begin(format, batch)
	defer s.copied.end()
	_, err := conn.PgConn().CopyFrom(ctx, &s.copied, "COPY "+s.reader.Table.SQL()+" ("+strings.Join(table.Written, ", ")+") FROM STDIN (FORMAT "+format.name+")")
	return err
}

// format is one of those of COPY: what stands before the rows and behind them, and what
// appends one, in the order of table.Written.
type format struct {
	name       string
	begin, end string
	row        func(dst []byte, e *audit.Entry) []byte
}

// copied reads the rows of a batch as COPY takes them. After an error pgx may go on
// reading for a while, when the batch is another's.
type copied struct {
	mu     sync.Mutex
	format *format
	batch  []audit.Entry // what is still to be encoded
	ended  bool
	buffer []byte // its memory is used for one batch after the other
	read   int    // how much of buffer was
}

func (c *copied) begin(format *format, batch []audit.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.format, c.batch, c.ended = format, batch, false
	c.buffer, c.read = append(c.buffer[:0], format.begin...), 0
}

// end lets go of the batch: nothing of it is read any more when it returns.
func (c *copied) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batch, c.ended, c.read = nil, true, len(c.buffer)
	if cap(c.buffer) > audit.MaxBatchBytes {
		c.buffer, c.read = nil, 0
	}
}

// Read implements io.Reader.
func (c *copied) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buffer, c.read = append(c.buffer[:0], c.buffer[c.read:]...), 0 // less than a row, mostly
	for len(c.buffer) < len(p) && !c.ended {
		if len(c.batch) == 0 {
			c.buffer, c.ended = append(c.buffer, c.format.end...), true
			break
		}
		c.buffer = c.format.row(c.buffer, &c.batch[0])
		c.batch = c.batch[1:]
	}
	if len(c.buffer) == 0 {
		return 0, io.EOF
	}
	c.read = copy(p, c.buffer)
	return c.read, nil
}
