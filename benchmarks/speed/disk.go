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

// writeAndSync appends pieces of text to a new file, and syncs after each, until enough
// says so.
func writeAndSync(path string, text []byte, enough func(pieces int) bool) (pieces int, took time.Duration, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	for !enough(pieces) && err == nil {
		if _, err = file.Write(text); err == nil {
			err = file.Sync()
		}
		pieces++
	}
	took = time.Since(began)
	return pieces, took, errors.Join(err, file.Close(), os.Remove(path))
}

// rawDisk writes so many bytes in pieces of such a size.
func rawDisk(dir string, size int64, piece int) (time.Duration, error) {
	count := int((size + int64(piece) - 1) / int64(piece))
	_, took, err := writeAndSync(filepath.Join(dir, "raw"), bytes.Repeat([]byte{'x'}, piece), func(pieces int) bool { return pieces == count })
	return took, err
}

// rawFsync is the mean time of a write of a page and its fsync, one after the other.
func rawFsync(dir string, during time.Duration) (time.Duration, error) {
	const page = 4096
	began := time.Now()
	pieces, took, err := writeAndSync(filepath.Join(dir, "raw"), make([]byte, page), func(int) bool { return time.Since(began) > during })
	return took / time.Duration(max(pieces, 1)), err
}

// rawBytes is how many bytes a second the disk takes, in pieces of a megabyte with an
// fsync each.
func rawBytes(dir string, during time.Duration) (float64, error) {
	const piece = 1 << 20
	began := time.Now()
	pieces, took, err := writeAndSync(filepath.Join(dir, "raw"), bytes.Repeat([]byte{'x'}, piece), func(int) bool { return time.Since(began) > during })
	return float64(pieces) * piece / took.Seconds(), err
}
