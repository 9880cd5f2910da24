package audit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"time"
)

// simFile is an open file.
type simFile struct {
	fsys *simFS
	node *simNode
	lock bool
	name string
}

func (s *simFile) Write(p []byte) (n int, err error) {
	s.fsys.mu.Lock()
	defer s.fsys.mu.Unlock()
	performed, err := s.fsys.enter("write " + s.name)
	n = len(p)
	if !performed {
		n = 0
		var short shortWrite
		if errors.As(err, &short) {
			n = min(short.bytes, len(p))
		}
	}
	if n > 0 {
		s.node.changes = append(s.node.changes, simChange{len(s.node.data), bytes.Clone(p[:n])})
		s.node.data = append(s.node.data, p[:n]...)
	}
	return n, err
}

func (s *simFile) ReadAt(p []byte, offset int64) (n int, err error) {
	err = s.fsys.call("read "+s.name, func() error {
		if offset < int64(len(s.node.data)) {
			n = copy(p, s.node.data[offset:])
		}
		if n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (s *simFile) Stat() (info fs.FileInfo, err error) {
	err = s.fsys.call("fstat "+s.name, func() error {
		info = s.node.info(s.name)
		return nil
	})
	return info, err
}

func (s *simFile) Sync() error {
	s.fsys.mu.Lock()
	defer s.fsys.mu.Unlock()
	performed, err := s.fsys.enter("sync " + s.name)
	switch {
	case err != nil && !s.fsys.crashed:
		s.node.lose(s.fsys.random)
	case !performed || s.fsys.lie == lieNoFsync:
	case s.fsys.lie == lieAckEarly:
		s.fsys.owed = s.node
	default:
		s.node.sync()
	}
	return err
}

func (s *simFile) Truncate(size int64) error {
	return s.fsys.call("truncate "+s.name, func() error {
		s.node.changes = append(s.node.changes, simChange{int(size), nil})
		s.node.data = s.node.data[:size:size]
		return nil
	})
}

func (s *simFile) Close() error {
	return s.fsys.call("close "+s.name, func() error {
		if s.lock {
			s.node.locked = false
		}
		return nil
	})
}

// simInfo is an fs.FileInfo.
type simInfo struct {
	name string
	node *simNode
	size int64
}

func (n *simNode) info(name string) simInfo { return simInfo{name, n, int64(len(n.data))} }

func (i simInfo) Name() string     { return i.name }
func (i simInfo) Size() int64      { return i.size }
func (simInfo) ModTime() time.Time { return time.Time{} }
func (i simInfo) IsDir() bool      { return i.node.names != nil }
func (simInfo) Sys() any           { return nil }
func (i simInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
