package analysis

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Replay decides again what was decided: it calls decide for the recorded events that f
// selects, and reports what would change. decide runs new permission code of the host's.
//
// Each check is decided once, however often it was recorded: events of the same user (as
// Filter.User knows them), manager, action and attributes, in any order, are one check.
// decide is given the newest of them, by its timestamp; of those of one moment the one
// that arrived last. Its outcome is what would change. Checks that were granted and
// denied are counted in Inconsistent: something decided that is not in the key of a check,
// as the object, or the rules changed.
//
// Events that a superuser bypassed the rules for are checks as they were recorded: decide
// sees event.Bypassed, and Change.Bypassed counts them. Gaps are no checks.
//
// decide is called from the goroutine that called Replay, one call after the other, in the
// order in which the checks were first read. Its event is a copy, which it may change and
// keep, as by PermissionAuditEvent.Freeze, but for an id or timestamp that is missing. Its
// ctx is made from ctx. An error is counted and the replay goes on; so is a panic. If decide
// calls runtime.Goexit, the goroutine that called Replay ends, as it would without Replay.
//
// What decide decides is not logged, even if it emits events as the service does: it runs
// in an audit.DryRun, which says what that promises. In short: emit with the ctx that decide
// is given, at least from other goroutines.
//
// by are the dimensions of the groups, any of query.Dimensions; none named means manager,
// action and attribute. A check belongs to the group of each of its attributes or
// permissions. With f.Limit only so many events are replayed, the last ones if f.Newest is
// set; else Newest does not matter, nor does Fields. Checks are not weighed by a sample
// rate; Notes.Sampled and Notes.Anonymous say how many of them have one, and have no user.
//
// Memory grows with the number of checks that differ: the newest event of each is kept.
//
// Replay returns an error, and no report, for a nil decide, for a dimension that does not
// exist, if the source cannot be read, and when ctx ends: then it is the cause.
func Replay(ctx context.Context, source query.Source, f query.Filter, decide func(ctx context.Context, event audit.PermissionAuditEvent) (granted bool, err error), by ...string) (*Replayed, error) {
	if decide == nil {
		return nil, errors.New("analysis: replay: decide is nil, want the function that decides")
	}
	by = orDefault(by, "manager", "action", "attribute")
	if err := query.CheckDimensions(by); err != nil {
		return nil, err
	}
	report := &Replayed{By: by}
	checks, err := readChecks(ctx, source, f, &report.Notes)
	if err != nil {
		return nil, err
	}
	replay := replay{decide: decide, report: report, groups: make(map[string]*replayedGroup)}
	audit.DryRun(ctx, func(ctx context.Context) { err = replay.run(ctx, checks) })
	if err != nil {
		return nil, err
	}
	replay.finish()
	return report, nil
}

// replay is a replay that is under way.
type replay struct {
	decide func(context.Context, audit.PermissionAuditEvent) (bool, error)
	report *Replayed
	total  changing
	groups map[string]*replayedGroup // by the key of the group
}

// run decides the checks. Its error is the cause of the end of ctx.
func (r *replay) run(ctx context.Context, checks []check) error {
	for i := range checks {
		granted, failed := r.ask(ctx, &checks[i].event)
		if ctx.Err() != nil { // perhaps that is why it failed
			return context.Cause(ctx)
		}
		if err := r.count(ctx, &checks[i], granted, failed); err != nil {
			return err
		}
	}
	return nil
}

// ask calls decide with a copy of event.
func (r *replay) ask(ctx context.Context, event *audit.PermissionAuditEvent) (granted bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			place := placeOfPanic()
			err = errors.New(cut(fmt.Sprintf("panic: %v", v), maxErrorText-len(place)) + place)
		}
	}()
	return r.decide(ctx, frozen(event)) //nolint:contextcheck // what ctx carries was not recorded
}

// placeOfPanic is " (rules.go:31)", where the innermost frame is that is neither of runtime
// nor of this package. It is called while panicking.
func placeOfPanic() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	for {
		frame, more := frames.Next()
		isOf := func(prefix string) bool { return strings.HasPrefix(frame.Function, prefix) }
		if !slices.ContainsFunc([]string{"runtime.", "internal/runtime/", "github.com/permaudit/audit/analysis."}, isOf) {
			return fmt.Sprintf(" (%s:%d)", path.Base(frame.File), frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// count counts a check in the groups that it belongs to, and in the total.
func (r *replay) count(ctx context.Context, c *check, granted bool, failed error) error {
	if c.isInconsistent() {
		r.report.Inconsistent++
	}
	decided := newDecided(c, granted, failed)
	r.total.add(&decided)
	// What a check is grouped under is query's to say.
	groups, err := query.GroupBy(ctx, query.Slice([]audit.PermissionAuditEvent{c.event}), query.Filter{}, r.report.By)
	if err != nil {
		return err
	}
	isFirst := true
	for group, err := range groups {
		if err != nil {
			return err
		}
		if isFirst {
			r.report.Sampled += group.Sampled
			r.report.Anonymous += group.Anonymous
			isFirst = false
		}
		r.group(group.Key).add(&decided)
	}
	return nil
}
