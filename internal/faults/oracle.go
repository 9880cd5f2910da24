package faults

import "fmt"

// Oracle knows which events were submitted to a logger and what became of them, as
// far as the one who submitted them was told. It is not safe for concurrent use.
type Oracle struct {
	submitted map[string]submission
	acked     map[string]bool
	refused   map[string]bool
}

type submission struct {
	by, n int
	line  string
}

// Submit notes that a goroutine submits its event number n. line is what must be
// read back of it.
func (o *Oracle) Submit(id string, by, n int, line string) {
	if o.submitted == nil {
		o.submitted, o.acked, o.refused = map[string]submission{}, map[string]bool{}, map[string]bool{}
	}
	o.submitted[id] = submission{by, n, line}
}

// Ack notes that the event is durable, as was said.
func (o *Oracle) Ack(id string) { o.acked[id] = true }

// Refuse notes that the event is not guaranteed to be stored, as was said.
func (o *Oracle) Refuse(id string) { o.refused[id] = true }

// Counts are what the table shows.
type Counts struct {
	Submitted, Acked, Refused int
	Found                     int // different events in the log
	Lost                      int // acked, and neither found nor counted as destroyed by another program
	Duplicated                int // events that a reader gets twice
}

// Undecided is of how many nobody was told anything: those under way when a process
// was killed.
func (c Counts) Undecided() int { return c.Submitted - c.Acked - c.Refused }

// Add adds those of another run.
func (c *Counts) Add(other Counts) {
	c.Submitted += other.Submitted
	c.Acked += other.Acked
	c.Refused += other.Refused
	c.Found += other.Found
	c.Lost += other.Lost
	c.Duplicated += other.Duplicated
}

// Line is an event that a reader got, in the order of reading.
type Line struct{ ID, Text string }

// Judge compares what a reader got with what was submitted. Every event must be one
// that was submitted, byte for byte; each goroutine's must be in order; none may come
// twice; and all that were acked must be there.
func (o *Oracle) Judge(found []Line) (counts Counts, problems []string) {
	counts = Counts{Submitted: len(o.submitted), Acked: len(o.acked), Refused: len(o.refused)}
	problem := func(format string, args ...any) {
		const most = 10
		if len(problems) < most {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	seen := map[string]bool{}
	last := map[int]int{}
	for _, line := range found {
		event, known := o.submitted[line.ID]
		switch {
		case !known:
			problem("found, but never submitted: %s", line.Text)
			continue
		case seen[line.ID]:
			counts.Duplicated++
			problem("there twice: %s", line.Text)
			continue
		case line.Text != event.line:
			problem("submitted: %s\n    found: %s", event.line, line.Text)
		}
		if before, found := last[event.by]; found && event.n <= before {
			problem("goroutine %d: event %d comes after %d", event.by, event.n, before)
		}
		last[event.by] = event.n
		seen[line.ID] = true
	}
	counts.Found = len(seen)
	for id := range o.acked {
		if !seen[id] {
			counts.Lost++
			problem("acked, but lost: %s", o.submitted[id].line)
		}
	}
	return counts, problems
}
