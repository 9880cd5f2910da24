package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/permaudit/audit/query"
)

// choice is a flag with some possible values.
type choice struct {
	into   *string
	values []string
}

func oneOf(into *string, values ...string) *choice { return &choice{into, values} }

// String, Set and Type implement pflag.Value, here and below.
func (c *choice) String() string { return *c.into }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.values, value) {
		return errors.New(c.want())
	}
	*c.into = value
	return nil
}

func (c *choice) Type() string { return "word" }

func (c *choice) want() string { return "want one of " + strings.Join(c.values, ", ") }

// wanter is a flag that says what it accepts.
type wanter interface{ want() string }

// sources is the flag --from; each use adds one, which may have any character in it.
type sources []string

func (s *sources) String() string { return strings.Join(*s, " ") }

func (s *sources) Set(spec string) error {
	*s = append(*s, spec)
	return nil
}

func (s *sources) Type() string { return "source" }

// natural is a flag that counts something.
type natural struct {
	into  *int64
	least int64
	most  int64 // 0: mostNatural
	set   bool
}

func (n *natural) String() string { return strconv.FormatInt(*n.into, 10) }

func (n *natural) Set(value string) error {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil || number < n.least || number > n.limit() {
		return errors.New(n.want())
	}
	*n.into, n.set = number, true
	return nil
}

func (n *natural) Type() string { return "number" }

func (n *natural) limit() int64 { return cmp.Or(n.most, mostNatural) }

func (n *natural) want() string {
	return "want a whole number from " + number(n.least) + " to " + number(n.limit())
}

// mostNatural fits an int on every system.
const mostNatural = 1<<31 - 1

// decimal is a flag that is a number.
type decimal struct {
	value float64
	isIn  func(x float64) bool // reports whether it is accepted
	wants string
}

func (d *decimal) String() string { return strconv.FormatFloat(d.value, 'g', -1, 64) }

func (d *decimal) Set(value string) error {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || !d.isIn(x) {
		return errors.New(d.want())
	}
	d.value = x
	return nil
}

func (d *decimal) Type() string { return "number" }

func (d *decimal) want() string { return "want " + d.wants }

// dimensions is the flag --by.
type dimensions struct {
	names []string
	among []string // those that make sense; none: all there are
	set   bool     // the names are those of the user
}

func (d *dimensions) String() string { return strings.Join(d.names, ",") }

func (d *dimensions) Set(value string) error {
	var names []string
	if d.set { // again: they add up
		names = slices.Clone(d.names)
	}
	for name := range strings.SplitSeq(value, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	if slices.Contains(names, "metadata.") {
		return errors.New("metadata.KEY wants a key, such as metadata.request_id")
	}
	for _, name := range names {
		if err := query.CheckDimensions([]string{name}); err != nil && d.among != nil {
			return fmt.Errorf("group by %q: unknown, want some of %s", name, strings.Join(d.among, ", "))
		}
	}
	if err := query.CheckDimensions(names); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "query: "))
	}
	d.names, d.set = names, true
	return nil
}

func (d *dimensions) Type() string { return "columns" }
