package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lines counts those of a file, and its bytes.
func lines(path string) (count int, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	buffer := make([]byte, 1<<20)
	for {
		n, err := file.Read(buffer)
		count, size = count+bytes.Count(buffer[:n], []byte{'\n'}), size+int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return count, size, nil
		case err != nil:
			return 0, 0, err
		}
	}
}

// emptied removes what is in a directory, and waits until the disk has nothing to do:
// nobody pays for what another one left.
func emptied(dir string) error {
	err := os.RemoveAll(dir)
	syscall.Sync()
	return errors.Join(err, os.Mkdir(dir, 0o700))
}

// writeAndSync appends pieces to a new file, and syncs after each, until one is empty.
func writeAndSync(path string, piece func(i int) []byte) (pieces int, took time.Duration, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	for text := piece(0); len(text) > 0 && err == nil; text = piece(pieces) {
		if _, err = file.Write(text); err == nil {
			err = file.Sync()
		}
		pieces++
	}
	took = time.Since(began)
	return pieces, took, errors.Join(err, file.Close(), os.Remove(path))
}

// rawDisk writes a log in pieces of such a size: the same bytes, from memory, where they
// are no more at hand than those of a batch are.
func rawDisk(dir string, log []byte, size int) (time.Duration, error) {
	_, took, err := writeAndSync(filepath.Join(dir, "raw"), func(i int) []byte {
		return log[min(i*size, len(log)):min((i+1)*size, len(log))]
	})
	return took, err
}

// during returns the same piece for a while.
func during(d time.Duration, piece []byte) func(int) []byte {
	began := time.Now()
	return func(int) []byte {
		if time.Since(began) > d {
			return nil
		}
		return piece
	}
}

// rawFsync is the mean time of a write of a page and its fsync, one after the other.
func rawFsync(dir string, d time.Duration) (time.Duration, error) {
	const page = 4096
	pieces, took, err := writeAndSync(filepath.Join(dir, "raw"), during(d, make([]byte, page)))
	return took / time.Duration(max(pieces, 1)), err
}

// rawBytes is how many bytes a second the disk takes, in pieces of a megabyte with an
// fsync each.
func rawBytes(dir string, d time.Duration) (float64, error) {
	const piece = 1 << 20
	pieces, took, err := writeAndSync(filepath.Join(dir, "raw"), during(d, bytes.Repeat([]byte{'x'}, piece)))
	return float64(pieces) * piece / took.Seconds(), err
}
