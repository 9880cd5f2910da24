package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

func (v *invocation) newTail() *cobra.Command {
	lines, follow := int64(10), false
	command := &cobra.Command{
		Use:   "tail",
		Short: "Print the last events, -f follows",
		Long: `tail prints the events that arrived last, in the order of arrival; they are held in
memory, so more than 16384 are for query --limit.

With -f it goes on, and prints each event that arrives, also when the log is rotated or
truncated, until it is interrupted. It follows one source: the path of a log, which is waited for if it
is not there yet, or a database.`,
		Example: `  permaudit tail -n 20
  permaudit tail -f --denied --from /var/log/app/permission.log`,
		Args: arguments(0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			filter, err := v.filter.query(command)
			switch {
			case err != nil:
				return err
			case follow:
				return v.follow(command.Context(), filter, int(lines))
			}
			return v.tail(command.Context(), filter, int(lines))
		},
	}
	command.Flags().VarP(&natural{into: &lines, most: mostLines}, "lines", "n", "how many events, at most "+strconv.Itoa(mostLines))
	command.Flags().BoolVarP(&follow, "follow", "f", false, "print what arrives from now on, too")
	v.addCommon(command)
	return command
}

// mostLines bounds the memory: all of them are held at once.
const mostLines = 16_384

// tail prints the last events.
func (v *invocation) tail(ctx context.Context, filter query.Filter, lines int) error {
	return v.reading(ctx, func(ctx context.Context, source *openSource) error {
		v.noteGivenWindow(filter)
		filter.Newest, filter.Limit = true, lines
		var events []audit.PermissionAuditEvent
		if lines > 0 {
			for event, err := range source.Events(ctx, filter) {
				switch {
				case isDamage(err):
				case err != nil:
					return err
				default:
					events = append(events, event)
				}
			}
		}
		if lines > 0 && len(events) == 0 {
			v.note(noMatch)
		}
		writer := v.newEventWriter(false)
		for _, event := range slices.Backward(events) {
			if err := writer.write(&event); err != nil {
				return err
			}
		}
		return writer.flush()
	})
}

// follow prints the last events and those that arrive, until ctx ends.
func (v *invocation) follow(ctx context.Context, filter query.Filter, lines int) (err error) {
	source, err := v.openFollowed(ctx)
	if err != nil {
		return err
	}
	defer source.close(&err)
	v.noteGivenWindow(filter)
	writer := v.newEventWriter(true)
	for event, err := range source.Follow(ctx, filter, lines) {
		switch {
		case isDamage(err):
		case err != nil && ctx.Err() != nil: // that is how it ends
			return nil
		case err != nil:
			return err
		default:
			if err := writer.write(&event); err != nil {
				return err
			}
		}
	}
	return nil
}

// openFollowed opens the one source. A file may come later.
func (v *invocation) openFollowed(ctx context.Context) (*openSource, error) {
	specs, err := v.specs()
	if err != nil {
		return nil, err
	}
	path, isFile := query.FilePath(specs[0])
	if len(specs) > 1 || isFile && (path == stdinSpec || isPattern(path)) {
		return nil, usagef("tail -f follows one source: the path of a log, sqlite:..., postgres://...; got %s", strings.Join(quoted(specs), " "))
	}
	if isFile {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			v.note("note: waiting for %s", path)
			return &openSource{handle: query.NewHandle(query.Files(path), nil), invocation: v}, nil
		}
	}
	return v.open(ctx)
}

// quoted are the names of sources, without passwords.
func quoted(specs []string) []string {
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = strconv.Quote(placeOf(spec))
	}
	return names
}
