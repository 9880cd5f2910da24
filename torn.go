package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// tornSuffix is that of the file beside a log in which torn tails are kept, each
// followed by LF.
const tornSuffix = ".torn"

// setTornTailAside copies what stands behind the last LF of a file to the file for
// torn tails, and then cuts it off. It returns the size that is left. A crash in
// between leaves the tail in both, and the next opening copies it once more.
func setTornTailAside(file *os.File, path string, size int64) (whole int64, err error) {
	whole, err = endOfLastLine(file, size)
	if err != nil || whole == size {
		return whole, err
	}
	aside, err := os.OpenFile(path+tornSuffix, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) //nolint:gosec // G304: beside the log
	if err != nil {
		return 0, fmt.Errorf("set torn tail aside: %w", err)
	}
	_, err = io.Copy(aside, io.NewSectionReader(file, whole, size-whole))
	if err == nil {
		_, err = aside.Write([]byte{'\n'})
	}
	if err = join(err, aside.Sync(), aside.Close()); err != nil {
		return 0, fmt.Errorf("set torn tail aside: %w", err)
	}
	if err := syncParent(path); err != nil {
		return 0, err
	}
	if err := file.Truncate(whole); err != nil {
		return 0, err
	}
	return whole, file.Sync()
}

// endOfLastLine returns the offset behind the last LF before size, 0 if there is
// none.
func endOfLastLine(file io.ReaderAt, size int64) (int64, error) {
	const chunk = 64 << 10
	buffer := make([]byte, chunk)
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
