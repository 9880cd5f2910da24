package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/permaudit/audit/query"
)

// stdinSpec is standard input as a source.
const stdinSpec = "-"

// openTwice opens the sources so that they can be read more than once: standard input
// is copied to a temporary file, which the closing removes.
func (v *invocation) openTwice(ctx context.Context) (*openSource, error) {
	specs, err := v.specs()
	if err != nil {
		return nil, err
	}
	place := slices.Index(specs, stdinSpec)
	if place < 0 {
		return v.open(ctx)
	}
	path, err := keep(v.stdin)
	if err != nil {
		return nil, err
	}
	specs = slices.Clone(specs)
	specs[place] = path
	handle, err := query.OpenAll(ctx, specs...)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	closeAll := func() error { return errors.Join(handle.Close(), os.Remove(path)) }
	return &openSource{handle: query.NewHandle(handle, closeAll), invocation: v, kept: path}, nil
}

// keep copies a stream to a file of its own.
func keep(stream io.Reader) (path string, err error) {
	file, err := os.CreateTemp("", "permaudit-*.log")
	if err != nil {
		return "", fmt.Errorf("keep standard input: %w", err)
	}
	_, err = io.Copy(file, stream)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("keep standard input: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}
