package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/permaudit/audit"
)

// newForwarder returns a logger that sends its events to a collector, in batches. The
// sink below only knows how to send one batch; the queue, the batches, the retries,
// Flush and Shutdown are those of every logger of the library.
func newForwarder(url string, options *audit.BufferOptions) (*audit.BufferedAuditLogger, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return audit.NewBufferedAuditLogger(&collectorSink{url, client}, options)
}

// collectorSink is an audit.Sink that posts each batch as lines of JSON.
type collectorSink struct {
	url    string
	client *http.Client
}

// WriteBatch implements audit.Sink. A batch whose answer was lost comes again, the same
// events with the same ids: the collector keeps each id once.
func (s *collectorSink) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	var lines []byte // a new one each time: the transport may read it for longer than Do runs
	for i := range batch {
		lines = append(batch[i].AppendJSON(lines), '\n')
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(lines))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := s.client.Do(request)
	if err != nil {
		return err // the collector cannot be reached: the logger tries again until it can
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // read to its end, the connection is used again
	return outcome(response.StatusCode, response.Status, text)
}

// outcome says what becomes of a batch. A permanent error is the fault of an event: the
// logger halves the batch until it has found that one, delivers the others and gives it
// to OnError. All other errors are the collector's, also a password that it does not
// accept: the batch is sent again.
func outcome(code int, status string, text []byte) error {
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("collector: %s: %s", status, bytes.TrimSpace(text))
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return audit.Permanent(err)
	}
	return err
}

// Close implements audit.Sink.
func (s *collectorSink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
