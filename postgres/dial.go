package postgres

import (
	"context"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// dialer keeps the connections of a pool at hand. A connection that was given up says
// goodbye to its server for up to 15 s, which closing the pool waits for: when nothing
// else is left, hangUp ends it.
type dialer struct {
	dial   pgconn.DialFunc
	ctx    context.Context // of dialing; done once hangUp was called
	cancel context.CancelFunc

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newDialer(dial pgconn.DialFunc) *dialer {
	ctx, cancel := context.WithCancel(context.Background())
	return &dialer{dial: dial, ctx: ctx, cancel: cancel, open: map[*conn]struct{}{}}
}

func (d *dialer) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)() //nolint:contextcheck // the end of either ends it
	dialed, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{dialed, d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		_ = dialed.Close()
		return nil, d.ctx.Err()
	}
	d.open[c] = struct{}{}
	return c, nil
}

// hangUp closes every connection, and those that are being made.
func (d *dialer) hangUp() {
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		_ = c.Conn.Close()
	}
}

// conn is forgotten by its dialer when it is closed.
type conn struct {
	net.Conn

	dialer *dialer
}

func (c *conn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}
