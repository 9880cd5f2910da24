package main

import (
	"errors"
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
		return errors.New("want one of " + strings.Join(c.values, ", "))
	}
	*c.into = value
	return nil
}

func (c *choice) Type() string { return "word" }

// natural is a flag that counts something.
type natural struct {
	into *int64
	set  bool
}

func (n *natural) String() string { return strconv.FormatInt(*n.into, 10) }

func (n *natural) Set(value string) error {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil || number < 0 || number > mostNatural {
		return errors.New("want a whole number from 0 to " + strconv.Itoa(mostNatural))
	}
	*n.into, n.set = number, true
	return nil
}

func (n *natural) Type() string { return "number" }

// mostNatural fits an int on every system.
const mostNatural = 1<<31 - 1

// dimensions is the flag --by.
type dimensions struct{ names []string }

func (d *dimensions) String() string { return strings.Join(d.names, ",") }

func (d *dimensions) Set(value string) error {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	if err := query.CheckDimensions(names); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "query: "))
	}
	d.names = names
	return nil
}

func (d *dimensions) Type() string { return "columns" }
