package audit

import (
	"context"
	"maps"
	"slices"
)

// Metadata keys with a meaning to the tools that read the log.
const (
	MetadataRequestID     = "request_id"     // of the request that asked
	MetadataTraceID       = "trace_id"       // of the distributed trace
	MetadataDeployment    = "deployment"     // version of the service that decided
	MetadataPolicyVersion = "policy_version" // version of the rules that decided
	MetadataObjectID      = "object_id"      // of the object that was asked about
	MetadataReason        = "reason"         // why, in words
	MetadataSampleRate    = "sample_rate"    // set by SampleLogger: the share of such events that was kept
)

type metadataKey struct{}

// carried is what a context carries; nobody changes it.
type carried struct {
	metadata map[string]any
	notes    []string // what had to be repaired to copy it, for Sanitized
}

// ContextWithMetadata returns a context whose events carry metadata, beside what
// the contexts above it carry. Inner keys win over outer ones, and the event's own
// win over both. The metadata is copied deeply, as by PermissionAuditEvent.Freeze.
func ContextWithMetadata(ctx context.Context, metadata map[string]any) context.Context {
	outer := contextMetadata(ctx)
	merged := make(map[string]any, len(outer.metadata)+len(metadata))
	maps.Copy(merged, outer.metadata)
	var f freezer
	f.metadata(merged, metadata)
	return context.WithValue(ctx, metadataKey{}, carried{merged, slices.Concat(outer.notes, f.values.notes)})
}

// MetadataFromContext returns a copy of what ContextWithMetadata put into ctx;
// nil if there is nothing.
func MetadataFromContext(ctx context.Context) map[string]any {
	outer := contextMetadata(ctx)
	if len(outer.metadata) == 0 {
		return nil
	}
	var f freezer
	metadata := make(map[string]any, len(outer.metadata))
	f.metadata(metadata, outer.metadata)
	return metadata
}

// contextMetadata returns what ctx carries, not copied.
func contextMetadata(ctx context.Context) carried {
	if ctx == nil {
		return carried{}
	}
	outer, _ := ctx.Value(metadataKey{}).(carried)
	return outer
}
