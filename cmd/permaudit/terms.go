package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/permaudit/audit/query"
)

// terms is a flag whose values are alternatives.
type terms struct {
	query.Terms
}

func (t *terms) String() string {
	values := slices.Clone(t.In)
	for _, value := range t.NotIn {
		values = append(values, "!"+value)
	}
	return strings.Join(values, ",")
}

// Set adds the values: a,b and the next Set are alternatives, !c excludes c. The empty
// text is null. A backslash takes a comma, or a leading !, literally.
func (t *terms) Set(text string) error {
	addTerms(&t.Terms, text)
	return nil
}

func (t *terms) Type() string { return "values" }

func addTerms(t *query.Terms, text string) {
	for _, value := range splitValues(text) {
		excluded, negated := strings.CutPrefix(value, "!")
		switch {
		case negated:
			t.NotIn = append(t.NotIn, unescaped(excluded))
		case strings.HasPrefix(value, `\!`):
			t.In = append(t.In, unescaped(value[1:]))
		default:
			t.In = append(t.In, unescaped(value))
		}
	}
}

// splitValues splits at commas, but for those behind a backslash.
func splitValues(text string) []string {
	var values []string
	start := 0
	for i := range len(text) {
		if text[i] == ',' && (i == 0 || text[i-1] != '\\') {
			values = append(values, text[start:i])
			start = i + 1
		}
	}
	return append(values, text[start:])
}

func unescaped(value string) string { return strings.ReplaceAll(value, `\,`, ",") }

// metadataTerms is the flag --metadata, key=value.
type metadataTerms struct {
	keys map[string]query.Terms
}

func (m *metadataTerms) String() string {
	var pairs []string
	for key, t := range m.keys {
		pairs = append(pairs, key+"="+(&terms{t}).String())
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

func (m *metadataTerms) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	switch {
	case !found || key == "":
		return errors.New("want key=value, such as request_id=r-1, or key=!value")
	case strings.HasPrefix(key, "!"), strings.HasSuffix(key, "!"):
		return fmt.Errorf("want the ! before the value: %s=!%s", strings.Trim(key, "!"), value)
	}
	if m.keys == nil {
		m.keys = make(map[string]query.Terms)
	}
	t := m.keys[key]
	addTerms(&t, value)
	m.keys[key] = t
	return nil
}

func (m *metadataTerms) Type() string { return "key=values" }
