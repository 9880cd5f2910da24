package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// collector stands for the service that gathers the events of many others. It keeps
// them in memory, each once, and is a query.Source.
type collector struct {
	mu     sync.Mutex
	known  map[audit.EventID]bool
	events []audit.PermissionAuditEvent
}

// ServeHTTP takes a batch: all of it or, if one line is no event, nothing.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var batch []audit.PermissionAuditEvent
	for decoder := json.NewDecoder(r.Body); ; {
		var event audit.PermissionAuditEvent
		err := decoder.Decode(&event)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		batch = append(batch, event)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range batch {
		if c.known[event.ID] {
			continue // the answer to an earlier request was lost
		}
		if c.known == nil {
			c.known = map[audit.EventID]bool{}
		}
		c.known[event.ID] = true
		c.events = append(c.events, event)
	}
	w.WriteHeader(http.StatusNoContent)
}

// Events implements query.Source.
func (c *collector) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		c.mu.Lock()
		arrived := slices.Clip(c.events) // what is appended later goes elsewhere
		c.mu.Unlock()
		query.Slice(arrived).Events(ctx, f)(yield)
	}
}
