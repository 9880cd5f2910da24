package main

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

// The source, where --from names none.
const (
	fromVariable = "PERMAUDIT_FROM"
	defaultLog   = "permission.log"
)

// addFrom adds the flag that names sources.
func (v *invocation) addFrom(command *cobra.Command) {
	command.Flags().Var(&v.from, "from",
		"a source: path, glob, -, sqlite:audit.db?table_name=x, postgres://...; repeatable\n(default $"+fromVariable+", else "+defaultLog+")")
}

// specs returns the sources that the user named.
func (v *invocation) specs() ([]string, error) {
	for _, spec := range v.from {
		if spec == "" {
			return nil, usagef("--from is empty: name a source, such as %s", defaultLog)
		}
	}
	if len(v.from) > 0 {
		return v.from, nil
	}
	if spec := v.getenv(fromVariable); spec != "" { // one: paths may have blanks in them
		return []string{spec}, nil
	}
	if _, err := os.Stat(defaultLog); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return []string{defaultLog}, nil
	}
	return nil, usagef("no source: name one with --from (path, glob, -, sqlite:..., postgres://...) or %s; there is no %s here", fromVariable, defaultLog)
}

// open opens the sources. What is damaged in them is noted and left out.
func (v *invocation) open(ctx context.Context) (*openSource, error) {
	specs, err := v.specs()
	if err != nil {
		return nil, err
	}
	handle, err := query.OpenAll(ctx, specs...)
	if err != nil {
		return nil, err
	}
	return &openSource{handle: handle, invocation: v}, nil
}

// reading opens the sources, hands them to ask with the progress shown, and closes them.
func (v *invocation) reading(ctx context.Context, ask func(ctx context.Context, source *openSource) error) error {
	return v.readingOf(ctx, v.open, ask)
}

// readingTwice does so for those that are read more than once.
func (v *invocation) readingTwice(ctx context.Context, ask func(ctx context.Context, source *openSource) error) error {
	return v.readingOf(ctx, v.openTwice, ask)
}

func (v *invocation) readingOf(
	ctx context.Context, open func(context.Context) (*openSource, error), ask func(ctx context.Context, source *openSource) error,
) (err error) {
	ctx, stop := v.watch(ctx)
	defer stop()
	source, err := open(ctx)
	if err != nil {
		return err
	}
	defer source.close(&err)
	return ask(ctx, source)
}

// openSource is a source that notes what is damaged.
type openSource struct {
	handle     *query.Handle
	invocation *invocation
	damaged    int64
	kept       string // the file that standard input was copied to; "": none
}

var (
	_ query.Source      = (*openSource)(nil)
	_ query.Grouper     = (*openSource)(nil)
	_ query.UserGrouper = (*openSource)(nil)
)

// Events implements query.Source.
func (s *openSource) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return noting(s, s.handle.Events(ctx, f))
}

// Follow implements query.Follower.
func (s *openSource) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	return noting(s, s.handle.Follow(ctx, f, last))
}

// Group implements query.Grouper.
func (s *openSource) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	groups, err := s.handle.Group(ctx, f, by)
	if err != nil {
		return nil, err
	}
	return noting(s, groups), nil
}

// GroupUsers implements query.UserGrouper.
func (s *openSource) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	groups, err := s.handle.GroupUsers(ctx, sets, by)
	if err != nil {
		return nil, err
	}
	return noting(s, groups), nil
}

// judged is a source that is read several times for one answer. Its damage is noted when
// its checks are counted first, and no other time.
type judged struct {
	*openSource

	counted bool
}

// Events implements query.Source.
func (j *judged) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return j.handle.Events(ctx, f)
}

// Group implements query.Grouper.
func (j *judged) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	return j.handle.Group(ctx, f, by)
}

// GroupUsers implements query.UserGrouper.
func (j *judged) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	if j.counted {
		return j.handle.GroupUsers(ctx, sets, by)
	}
	j.counted = true
	return j.openSource.GroupUsers(ctx, sets, by)
}

// noting hands a sequence on, but for the damage, which is noted.
func noting[T any](s *openSource, sequence iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value, err := range sequence {
			var damage *query.DamageError
			if errors.As(err, &damage) {
				s.damaged++
				if s.kept != "" && damage.File == s.kept {
					damage = &query.DamageError{File: stdinSpec, Line: damage.Line, Err: damage.Err}
				}
				s.noteDamage(damage)
			}
			if !yield(value, err) {
				return
			}
		}
	}
}

// noteDamage tells what is damaged, and only counts it when that is much.
func (s *openSource) noteDamage(damage *query.DamageError) {
	switch {
	case s.damaged <= mostNamed:
		s.invocation.note("%v", damage)
	case s.damaged == mostNamed+1:
		s.invocation.note("note: more lines are damaged, and only counted")
	}
}

// close closes the source and says how much of it was damaged. The error is that of
// the command; if there is none, that of closing.
func (s *openSource) close(err *error) {
	if s.damaged > 0 {
		s.invocation.note("note: %s damaged and left out", count(s.damaged, "line was", "lines were"))
	}
	s.damaged = 0
	if closed := s.handle.Close(); *err == nil {
		*err = closed
	}
}

// isDamage reports whether an error concerns one line or row.
func isDamage(err error) bool {
	var damage *query.DamageError
	return errors.As(err, &damage)
}
