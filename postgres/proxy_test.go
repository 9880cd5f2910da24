package postgres

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a store and the server.
type proxy struct {
	dsn      string // leads through it
	server   string // address
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	refuse  bool                         // connections are closed at once
	forward func(fromClient []byte) bool // false: the answer to this, and everything after it, is lost
	strike  strike                       // asked first; nil: nothing happens
	trickle time.Duration                // for each byte that a client sends; 0: none
	open    map[net.Conn]bool
}

// strike is asked about what a client sent: how much of it the server gets, and what
// happens to the connection then.
type strike func(sent []byte) (forwarded int, then fault)

type fault int

const (
	none       fault = iota
	closed           // to both sides
	reset            // to the client
	halfClosed       // to the client, whose end stays open
	unanswered       // whatever comes later
)

// slow makes every byte that a client sends take so long.
func (p *proxy) slow(trickle time.Duration) {
	p.mu.Lock()
	p.trickle = trickle
	p.mu.Unlock()
	p.cut()
}

// hit makes the faults of connections.
func (p *proxy) hit(s strike) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strike = s
}

func newProxy(tb testing.TB, dsn string) *proxy {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{server: u.Host, listener: listener, open: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	p.dsn = u.String()
	p.running.Go(p.accept)
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		p.cut()
		p.running.Wait()
	})
	return p
}

// set changes how the proxy behaves from now on, and cuts what is connected.
func (p *proxy) set(refuse bool, forward func([]byte) bool) {
	p.mu.Lock()
	p.refuse, p.forward = refuse, forward
	p.mu.Unlock()
	p.cut()
}

// observe is set without a cut.
func (p *proxy) observe(forward func([]byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forward = forward
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.mu.Lock()
	p.open[client], p.open[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, client)
		delete(p.open, server)
		p.mu.Unlock()
	}()

	lost := make(chan struct{}) // closed when answers are lost
	p.running.Go(func() {
		defer func() { _ = server.Close() }()
		buffer := make([]byte, 64<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			p.mu.Lock()
			forward, strike, trickle := p.forward, p.strike, p.trickle
			p.mu.Unlock()
			for trickle > 0 && n > 1 {
				if _, err := server.Write(buffer[:1]); err != nil {
					return
				}
				<-time.After(trickle)
				n = copy(buffer, buffer[1:n])
			}
			if strike != nil {
				var then fault
				if n, then = strike(buffer[:n]); then != none {
					_, _ = server.Write(buffer[:n])
					suffer(client.(*net.TCPConn), then)
					if then == closed {
						return
					}
					close(lost)
					_, _ = io.Copy(io.Discard, client) // until somebody gives up
					return
				}
			}
			if forward != nil && !forward(buffer[:n]) {
				select {
				case <-lost:
				default:
					close(lost)
				}
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-lost:
			_, _ = io.Copy(io.Discard, server) // until somebody gives up
			return
		default:
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func suffer(client *net.TCPConn, f fault) {
	switch f {
	case reset:
		_ = client.SetLinger(0)
		_ = client.Close()
	case halfClosed:
		_ = client.CloseWrite()
	case closed, unanswered, none:
	}
}
