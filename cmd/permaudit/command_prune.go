package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

func (v *invocation) newPrune() *cobra.Command {
	olderThan, yes := "", false
	command := &cobra.Command{
		Use:   "prune",
		Short: "Delete what is older than --older-than",
		Long: `prune deletes old events: rows of databases, and whole rotated files beside the log that
--from names, if all their events are older: those of the library (app-<time>.log) and of
logrotate (app.log.1, app.log.2.gz). Lines of files are never deleted, nor is the
log itself.

It says what it will delete and asks; with --yes it does not ask.`,
		Example: `  permaudit prune --older-than 90d
  permaudit prune --older-than 365d --from sqlite:audit.db
  permaudit prune --older-than 26w --yes --from /var/log/app/permission.log`,
		Args: arguments(0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			if olderThan == "" {
				return usagef("prune wants --older-than: how long ago (90d, 26w), or a date (2026-11-23)")
			}
			before, err := parseTime(olderThan, v.now)
			switch {
			case err != nil:
				return usagef("--older-than %q: %v", olderThan, err)
			case before.After(v.now):
				return usagef("--older-than %q: it is in the future", olderThan)
			}
			return v.prune(command.Context(), before, yes)
		},
	}
	command.Flags().StringVar(&olderThan, "older-than", "", "what is older is deleted: 90d, 26w, or 2026-11-23")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	v.addFrom(command)
	return command
}

// prune deletes what is older than before in every source.
func (v *invocation) prune(ctx context.Context, before time.Time, yes bool) error {
	specs, err := v.specs()
	if err != nil {
		return err
	}
	for _, spec := range specs {
		if path, isFile := query.FilePath(spec); isFile && (path == stdinSpec || isPattern(path)) {
			return usagef("prune --from %q: want the path of the log itself, beside which its rotated files are, or a database", spec)
		}
	}
	if !yes && !isTerminal(v.stdin) {
		return usagef("prune asks before it deletes, and standard input is no terminal: give --yes")
	}
	var all []pruning
	for _, spec := range specs {
		found, err := v.findOld(ctx, spec, before)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		for _, spec := range specs {
			v.noteNothingOld(spec, before)
		}
		return nil
	}
	if !yes {
		agreed, err := v.ask(all, before)
		if err != nil || !agreed {
			return err
		}
	}
	for _, old := range all {
		done, err := old.delete(ctx)
		if done != "" {
			v.note("deleted %s", done)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noteNothingOld says what was looked for in a source.
func (v *invocation) noteNothingOld(spec string, before time.Time) {
	at := before.Format(time.RFC3339)
	if path, isFile := query.FilePath(spec); isFile {
		v.note("no rotated file of %s is wholly older than %s; lines of the log itself are never deleted", path, at)
		return
	}
	v.note("no row of %s is older than %s", placeOf(spec), at)
}

// ask asks whether to delete.
func (v *invocation) ask(all []pruning, before time.Time) (agreed bool, err error) {
	for _, old := range all {
		v.tell("older than " + before.Format(time.RFC3339) + ": " + old.what)
	}
	if _, err := io.WriteString(v.stderr, "Delete all of it? [y/N] "); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(v.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	v.note("nothing is deleted")
	return false, nil
}
