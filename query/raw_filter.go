package query

import (
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// rawFilter is a Filter for lines that are not decoded: it says of them what Match
// says of their events.
type rawFilter struct {
	Filter

	time counting.Window
	gaps bool // they may be selected

	action, manager, user, attribute, permission rawTerms

	metadata []metadataTerms
}

// metadataTerms are the terms for one key of the metadata.
type metadataTerms struct {
	key   string
	terms rawTerms
}

func newRawFilter(f Filter) *rawFilter {
	r := &rawFilter{
		Filter: f, time: boundsOf(f),
		gaps:   slices.Contains(f.Action.In, string(audit.ActionGap)),
		action: newRawTerms(f.Action), manager: newRawTerms(f.Manager), user: newRawTerms(f.User),
		attribute: newRawTerms(f.Attribute), permission: newRawTerms(f.Permission),
	}
	for key, terms := range f.Metadata {
		if !terms.acceptsAll() {
			r.metadata = append(r.metadata, metadataTerms{key, newRawTerms(terms)})
		}
	}
	return r
}

// match reports whether the filter selects the event.
func (f *rawFilter) match(l *rawLine) bool {
	return f.Granted.accepts(l.granted) && f.Bypassed.accepts(l.bypassed) && f.matchCheck(l)
}

// matchCheck is match but for the outcome.
func (f *rawFilter) matchCheck(l *rawLine) bool {
	if !f.inTime(l.at) || !f.gaps && l.isGap() ||
		!f.action.accepts(l.action) || !f.manager.accepts(l.manager) ||
		!f.user.all && !f.user.accepts(l.userText()) ||
		!f.attribute.acceptsList(l.attributes) || !f.permission.acceptsList(l.permissions) {
		return false
	}
	for i := range f.metadata {
		if m := &f.metadata[i]; !m.terms.acceptsValue(l.member(&m.key)) {
			return false
		}
	}
	return true
}

func (f *rawFilter) inTime(at int64) bool { return at >= f.time.Since && at < f.time.Until }

func (l *rawLine) isGap() bool { return l.action.is(string(audit.ActionGap)) }

// rawTerms are Terms for texts that are not decoded.
type rawTerms struct {
	all       bool // everything is accepted
	in, notIn texts
	anyIn     bool // in is empty, and accepts everything
}

func newRawTerms(t Terms) rawTerms {
	return rawTerms{all: t.acceptsAll(), in: newTexts(t.In), notIn: newTexts(t.NotIn), anyIn: len(t.In) == 0}
}

// accepts is Terms.accepts of one value.
func (t *rawTerms) accepts(text rawText) bool {
	switch {
	case t.all:
		return true
	case text.json == nil:
		return t.acceptsText("")
	case !text.plain:
		return t.acceptsText(text.string())
	}
	inside := text.json[1 : len(text.json)-1]
	return !t.notIn.hold(inside) && (t.anyIn || t.in.hold(inside))
}

func (t *rawTerms) acceptsText(text string) bool {
	return t.all || !t.notIn.hold([]byte(text)) && (t.anyIn || t.in.hold([]byte(text)))
}

// acceptsValue is Terms.accepts of a metadata value.
func (t *rawTerms) acceptsValue(value rawText) bool {
	if value.plain && len(value.json) > 0 && value.json[0] == '"' {
		return t.accepts(value)
	}
	return t.acceptsText(value.valueText())
}

// acceptsList is Terms.accepts of the elements of a list.
func (t *rawTerms) acceptsList(list rawText) bool {
	if t.all {
		return true
	}
	accepted, none := t.anyIn, true
	for element := range list.elements() {
		none = false
		text := element.json[1 : len(element.json)-1]
		if !element.plain {
			text = []byte(element.string())
		}
		if t.notIn.hold(text) {
			return false
		}
		accepted = accepted || t.in.hold(text)
	}
	if none {
		return t.acceptsText("")
	}
	return accepted
}

// texts is a set of texts: a map, if there are many.
type texts struct {
	few  []string
	many map[string]struct{}
}

func newTexts(values []string) texts {
	const few = 8
	if len(values) <= few {
		return texts{few: values}
	}
	many := make(map[string]struct{}, len(values))
	for _, value := range values {
		many[value] = struct{}{}
	}
	return texts{many: many}
}

func (t *texts) hold(text []byte) bool {
	for _, value := range t.few {
		if string(text) == value {
			return true
		}
	}
	_, found := t.many[string(text)]
	return found
}
