package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// duckdb is a process of node that runs queries, one at a time.
type duckdb struct {
	version string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// reply is a line of duckdb.js.
type reply struct {
	Version string  `json:"version"`
	MS      float64 `json:"ms"`
	Rows    [][]any `json:"rows"`
	Error   string  `json:"error"`
}

func startDuckDB(ctx context.Context, dir string) (*duckdb, error) {
	d := &duckdb{cmd: exec.CommandContext(ctx, "node", filepath.Join(dir, "duckdb.js"))} //nolint:gosec // G204: the directory is a flag
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	hello, err := d.read()
	if err != nil {
		d.stop()
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	d.version = hello.Version
	return d, nil
}

func (d *duckdb) read() (reply, error) {
	var r reply
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// query returns the rows and DuckDB's own time.
func (d *duckdb) query(sql string) ([][]any, time.Duration, error) {
	text, err := json.Marshal(sql)
	if err != nil {
		return nil, 0, err
	}
	if _, err := d.in.Write(append(text, '\n')); err != nil {
		return nil, 0, fmt.Errorf("ask DuckDB: %w", err)
	}
	r, err := d.read()
	if err != nil {
		return nil, 0, fmt.Errorf("ask DuckDB %s: %w", sql, err)
	}
	return r.Rows, time.Duration(r.MS * float64(time.Millisecond)), nil
}

func (d *duckdb) stop() {
	_ = d.in.Close()
	_ = d.cmd.Wait() // it has answered all there was to ask
}
