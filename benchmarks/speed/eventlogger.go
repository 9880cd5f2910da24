package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/eventlogger"
	"github.com/permaudit/audit"
)

const eventType eventlogger.EventType = "permission"

// payload is the event as eventlogger's users have it, a struct.
type payload struct {
	ID          string         `json:"id"`
	Timestamp   string         `json:"timestamp"`
	Action      audit.Action   `json:"action"`
	Attributes  []string       `json:"attributes"`
	Granted     bool           `json:"granted"`
	Bypassed    bool           `json:"bypassed"`
	Manager     string         `json:"manager"`
	UserID      string         `json:"user_id"`
	User        *string        `json:"user"`
	Permissions []string       `json:"permissions"`
	Metadata    map[string]any `json:"metadata"`
}

// eventloggerLog is a broker with one pipeline, from a JSONFormatter to a FileSink.
type eventloggerLog struct {
	unbuffered

	broker *eventlogger.Broker
}

func openEventlogger(path string) (log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	broker, err := eventlogger.NewBroker()
	if err != nil {
		return nil, err
	}
	sink := &eventlogger.FileSink{Path: filepath.Dir(path), FileName: filepath.Base(path)}
	return eventloggerLog{broker: broker}, errors.Join(
		broker.RegisterNode("json", &eventlogger.JSONFormatter{}),
		broker.RegisterNode("file", sink),
		broker.RegisterPipeline(eventlogger.Pipeline{PipelineID: "log", EventType: eventType, NodeIDs: []eventlogger.NodeID{"json", "file"}}),
		broker.SetSuccessThreshold(eventType, 1))
}

func (l eventloggerLog) record(ctx context.Context, d *decision) error {
	_, err := l.broker.Send(ctx, eventType, &payload{
		ID: audit.NewEventID().String(), Timestamp: time.Now().UTC().Format(timeLayout),
		Action: d.Action, Attributes: d.Attributes, Granted: d.Granted, Bypassed: d.Bypassed, Manager: d.Manager, UserID: d.UserID,
		Permissions: d.Permissions, Metadata: d.Metadata,
	})
	return err
}
