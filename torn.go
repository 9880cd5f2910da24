package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// tornSuffix is that of the file beside a log in which torn tails are kept, each
// followed by LF.
const tornSuffix = ".torn"

// setTornTailAside copies what stands behind the last LF of a log to the file for
// torn tails, and then cuts it off. It returns the size that is left. A crash in
// between leaves the tail in both, and the next opening copies it once more.
func setTornTailAside(fsys fileSystem, file logFile, path string, info fs.FileInfo) (whole int64, err error) {
	size := info.Size()
	whole, err = endOfLastLine(file, size)
	if err != nil || whole == size {
		return whole, err
	}
	tail := io.NewSectionReader(file, whole, size-whole)
	if err := appendDurably(fsys, path+tornSuffix, info.Mode().Perm(), tail); err != nil {
		return 0, fmt.Errorf("set torn tail aside: %w", err)
	}
	if err := file.Truncate(whole); err != nil {
		return 0, err
	}
	return whole, file.Sync()
}

// appendDurably appends text and a LF to the file at path, or leaves it as it was.
func appendDurably(fsys fileSystem, path string, mode fs.FileMode, text *io.SectionReader) error {
	file, err := fsys.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return join(err, file.Close())
	}
	n, err := io.Copy(file, text)
	if err == nil && n < text.Size() {
		err = io.ErrUnexpectedEOF // another program has just truncated the log
	}
	if err == nil {
		_, err = file.Write([]byte{'\n'})
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		err = join(err, file.Truncate(info.Size()))
	}
	if err := join(err, file.Close()); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// endOfLastLine returns the offset behind the last LF before size, 0 if there is
// none.
func endOfLastLine(file io.ReaderAt, size int64) (int64, error) {
	const chunk = 64 << 10
	buffer := make([]byte, min(chunk, size))
	for end := size; end > 0; {
		start := max(0, end-chunk)
		part := buffer[:end-start]
		if _, err := file.ReadAt(part, start); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}
