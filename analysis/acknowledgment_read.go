package analysis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// mostLine is how many bytes a line of a file of acknowledgments has at most.
const mostLine = 1 << 20

// mostProblems is how many problems of a file are told.
const mostProblems = 1000

// AcknowledgmentError says what is wrong with a line of a file of acknowledgments.
type AcknowledgmentError struct {
	File string
	Line int // from 1 on
	Err  error
}

// Error implements error.
func (e *AcknowledgmentError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns Err.
func (e *AcknowledgmentError) Unwrap() error { return e.Err }

// ReadAcknowledgments reads a file of acknowledgments, which errors call by that name:
// JSON Lines, made to be reviewed in a repository.
//
//	# What only the billing job may do.
//	{"manager":"Invoice","action":"update","attribute":"total","owner":"billing@example.com","reason":"only the billing job may change totals","expires":"2027-03-31"}
//
// An object names at least one of manager, action, attribute, user, permission and
// metadata.KEY, each with a text, or null for "no value", and has an owner, a reason,
// and when it expires: a date, the whole of which in UTC is included, or RFC 3339. Blank
// lines and those that begin with # are skipped.
//
// Nothing is guessed: of a file with anything wrong in it nothing is acknowledged. The
// error joins an *AcknowledgmentError for each problem, in the order of the lines, at
// most 1000, and the error of r, if it has one.
func ReadAcknowledgments(r io.Reader, name string) (*Acknowledgments, error) {
	reader := acknowledgmentReader{name: name, lines: bufio.NewReaderSize(r, mostLine+1), keys: make(map[string]int)}
	for len(reader.problems) < mostProblems {
		err := reader.read()
		if err == io.EOF { //nolint:errorlint // bufio.Reader does not wrap it
			break
		}
		if err != nil {
			reader.problems = append(reader.problems, fmt.Errorf("%s: %w", name, err))
			break
		}
	}
	if len(reader.problems) > mostProblems {
		reader.problems = reader.problems[:mostProblems]
	}
	if len(reader.problems) > 0 {
		return nil, errors.Join(reader.problems...)
	}
	return newAcknowledgments(reader.entries), nil
}

// acknowledgmentReader reads one file.
type acknowledgmentReader struct {
	name     string
	lines    *bufio.Reader // holds one line, and no more
	line     int           // how many were read
	carriage bool          // the lines' ends are wrong, which was said
	entries  []*Acknowledgment
	keys     map[string]int // the lines of keys
	problems []error
}

func (r *acknowledgmentReader) problem(err error) {
	r.problems = append(r.problems, &AcknowledgmentError{r.name, r.line, err})
}

// read reads a line. io.EOF says that there is none.
func (r *acknowledgmentReader) read() error {
	line, err := r.lines.ReadSlice('\n')
	if len(line) == 0 && err != nil {
		return err
	}
	r.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		r.problem(fmt.Errorf("it is longer than %d bytes: want one object a line, with a line feed at its end", mostLine))
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.lines.ReadSlice('\n')
		}
	case err == nil || err == io.EOF:
		r.parse(bytes.TrimSuffix(line, []byte{'\n'}))
	}
	if err == io.EOF { // the next call returns it
		return nil
	}
	return err
}

var mark = []byte("\ufeff")

// parse takes a line to pieces.
func (r *acknowledgmentReader) parse(line []byte) {
	if r.line == 1 && bytes.HasPrefix(line, mark) {
		r.problem(errors.New("it begins with a byte order mark, U+FEFF: want UTF-8 without one"))
		line = line[len(mark):]
	}
	if bytes.IndexByte(line, '\r') >= 0 {
		if !r.carriage {
			r.problem(errors.New(`it has a carriage return, "\r": want lines that end with a line feed alone, this one and all others`))
		}
		r.carriage = true
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	if bad := invalidUTF8(line); bad >= 0 {
		r.problem(fmt.Errorf("its byte %d is %q: want UTF-8", bad+1, line[bad:bad+1]))
		return
	}
	line = bytes.Trim(line, " \t")
	if len(line) == 0 || line[0] == '#' {
		return
	}
	entry, problems := parseAcknowledgment(line)
	for _, err := range problems {
		r.problem(err)
	}
	if entry == nil {
		return
	}
	entry.Line = r.line
	key := entry.identity()
	if before, found := r.keys[key]; found {
		r.problem(fmt.Errorf("%s: line %d has the same key: want one entry for it", entry.describe(), before))
		return
	}
	r.keys[key] = r.line
	r.entries = append(r.entries, entry)
}

// invalidUTF8 returns where the first byte is that is none; -1: there is no such byte.
func invalidUTF8(line []byte) int {
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
