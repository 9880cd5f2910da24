package query

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/permaudit/audit"
)

// pass is one reading of files. Each worker takes blocks, and does with each of them:
// scan it, at the same time as others; settle which lines are repeats, one block after
// the other; finish it, at the same time as others. The caller of run is handed the
// blocks in their order.
type pass struct {
	files   *fileSet
	limits  limits
	workers int
	newest  bool

	mu      sync.Mutex
	blocks  blockReader
	settled chan struct{} // closed when the block that was read last is settled; nil at first
	ended   bool

	order chan *task // as they were read; closed at the end

	// What follows belongs to who settles.
	window window
	file   int
	line   int // of the file, how many lines were settled
}

// task is a block at work.
type task struct {
	block

	err   error // it is no block: the reading ends with it
	lines []scannedLine

	before  <-chan struct{} // closed when the task before it is settled; nil: there is none
	settled chan struct{}   // closed by the worker when it is settled
	done    chan struct{}   // closed by the worker when it is finished

	firstLine int     // how many lines of the file were settled before it
	last      int64   // the number of its last line, or of the last one before it; -1: there was none
	repeats   []int64 // backwards: numbers of lines that repeat one of these
	result    any     // of finish
}

// scannedLine is a line at work.
type scannedLine struct {
	raw      rawLine
	event    *audit.PermissionAuditEvent // instead of raw, if it was not scanned
	damage   error                       // it is no event
	begin    int32                       // in the block
	end      int32
	number   int64 // of the lines that are not blank, counted from 0 over all files; 0 if it is
	repeated bool  // forwards: a line before it has the same id
}

// newPass begins to read files, backwards if newest is set. The caller closes them.
func (s *fileSource) newPass(files *fileSet, newest bool) *pass {
	p := &pass{files: files, limits: s.limits, workers: s.workers, newest: newest, window: window{limits: s.limits}}
	if p.workers == 0 {
		p.workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	if newest {
		p.blocks = &backwardBlocks{files: files, limits: s.limits}
	} else {
		p.blocks = &forwardBlocks{files: files, limits: s.limits}
	}
	return p
}

// run reads the files. newFinish returns what a worker does with its tasks; each is
// called by one goroutine. The tasks are handed to take in their order, until it
// returns false. No goroutine outlives run.
func (p *pass) run(newFinish func() func(*task), take func(*task) bool) {
	p.order = make(chan *task, 2*p.workers)
	var all sync.WaitGroup
	defer all.Wait()
	defer p.files.stop()
	for range p.workers {
		finish := newFinish()
		all.Go(func() { p.work(finish) })
	}
	for {
		t := p.nextDone()
		if t == nil || !take(t) {
			return
		}
		t.free()
	}
}

// nextDone returns the next task, once it is finished; nil: there is none, or the
// reading is stopped.
func (p *pass) nextDone() *task {
	select {
	case t, more := <-p.order:
		if !more {
			return nil
		}
		select {
		case <-t.done:
			return t
		case <-p.files.ctx.Done():
		}
	case <-p.files.ctx.Done():
	}
	return nil
}

// maxWorkers keeps the memory of one reading within bounds on large machines.
const maxWorkers = 16

func (p *pass) work(finish func(*task)) {
	scanner := lineScanner{lists: new(knownLists)}
	for {
		t := p.next()
		if t == nil {
			return
		}
		if t.err == nil {
			t.scan(&scanner, p.limits, p.newest)
		}
		if t.before != nil {
			select {
			case <-t.before:
			case <-p.files.ctx.Done():
				return
			}
		}
		if t.err == nil {
			p.settle(t)
			close(t.settled)
			finish(t)
		}
		close(t.done)
	}
}

// next reads the next block; nil: there is none, or it is not wanted any more.
func (p *pass) next() *task {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	b, err := p.blocks.next()
	if err != nil {
		p.ended = true
		defer close(p.order)
		if errors.Is(err, errEnd) {
			return nil
		}
	}
	t := newTask()
	t.block, t.err, t.before = b, err, p.settled
	select {
	case p.order <- t:
	case <-p.files.ctx.Done():
		p.ended = true
		return nil
	}
	p.settled = t.settled
	return t
}

// tasks are those that are not at work.
var tasks = sync.Pool{New: func() any { return new(task) }}

func newTask() *task {
	t, _ := tasks.Get().(*task)
	*t = task{lines: t.lines[:0], settled: make(chan struct{}), done: make(chan struct{})}
	return t
}

// free gives a task that is done to other blocks.
func (t *task) free() {
	t.block.free()
	t.result = nil
	tasks.Put(t)
}

// scan takes the block to pieces: its lines in the order of reading.
func (t *task) scan(scanner *lineScanner, limits limits, newest bool) {
	if t.long {
		t.lines = append(t.lines, scannedLine{damage: tooLong(limits)})
		return
	}
	for begin := 0; begin < len(t.data); {
		length := bytes.IndexByte(t.data[begin:], '\n')
		if len(t.lines) < cap(t.lines) {
			t.lines = t.lines[:len(t.lines)+1]
		} else {
			t.lines = append(t.lines, scannedLine{})
		}
		line := &t.lines[len(t.lines)-1]
		line.begin, line.end = int32(begin), int32(begin+length) //nolint:gosec // G115: a block is small
		line.event, line.damage, line.repeated, line.number = nil, nil, false, 0
		line.scan(scanner, t.data[begin:begin+length], limits)
		begin += length + 1
	}
	if newest {
		slices.Reverse(t.lines)
	}
}

func tooLong(limits limits) error {
	return fmt.Errorf("%w: it has more than %d bytes", errLong, limits.line)
}

// scan reads a line.
func (l *scannedLine) scan(scanner *lineScanner, text []byte, limits limits) {
	switch {
	case len(text) > limits.line:
		l.damage = tooLong(limits)
	case scanner.scan(text, &l.raw):
	case len(bytes.TrimLeft(text, " \t\r")) == 0:
		l.damage = errBlank
	default:
		l.event = new(audit.PermissionAuditEvent)
		l.damage = l.event.UnmarshalJSON(text)
	}
}

// errBlank is the damage of a line that holds nothing.
var errBlank = errors.New("line is blank")

// id returns the id of a line, zero if it has none or is damaged.
func (l *scannedLine) id() audit.EventID {
	switch {
	case l.damage != nil:
		return audit.EventID{}
	case l.event != nil:
		return l.event.ID
	}
	return l.raw.id
}

// match reports whether a filter selects the line, which is neither damaged nor
// repeated.
func (l *scannedLine) match(f *rawFilter) bool {
	if l.event != nil {
		return f.Match(*l.event)
	}
	return f.match(&l.raw)
}

// decode returns the event of the line.
func (l *scannedLine) decode(fields Fields) audit.PermissionAuditEvent {
	if l.event != nil {
		return *l.event
	}
	return l.raw.event(fields)
}

// settle counts the lines, and finds the repeats among them: forwards a line that
// repeats one before it, backwards one that was read before it.
func (p *pass) settle(t *task) {
	if t.file != p.file {
		p.file, p.line = t.file, 0
	}
	t.firstLine = p.line
	p.line += len(t.lines)
	for i := range t.lines {
		l := &t.lines[i]
		if errors.Is(l.damage, errBlank) {
			continue
		}
		l.number = p.window.line
		switch same := p.window.add(l.id(), p.files.place(t.file)); {
		case same < 0:
		case p.newest:
			t.repeats = append(t.repeats, same)
		default:
			l.repeated = true
		}
	}
	t.last = p.window.line - 1
}
