package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
)

// metadataPrefix begins the dimension of a metadata key.
const metadataPrefix = "metadata."

// dayLayout and hourLayout are the values of the dimensions day and hour, in UTC.
const (
	dayLayout  = "2006-01-02"
	hourLayout = "2006-01-02T15:00:00Z"
)

// dimension is one thing that events are grouped by.
type dimension struct {
	name   string
	field  Fields
	values func(event *audit.PermissionAuditEvent) []string // distinct ones, at least one
}

// dimensions are those with a fixed name, in the order in which they are listed.
var dimensions = []dimension{
	{"manager", FieldManager, single(func(e *audit.PermissionAuditEvent) string { return e.Manager })},
	{"attribute", FieldAttributes, func(e *audit.PermissionAuditEvent) []string { return distinct(e.Attributes) }},
	{"action", FieldAction, single(func(e *audit.PermissionAuditEvent) string { return string(e.Action) })},
	{"user", FieldUser, single(userText)},
	{"permission", FieldPermissions, func(e *audit.PermissionAuditEvent) []string { return distinct(e.Permissions) }},
	{"day", FieldTimestamp, single(func(e *audit.PermissionAuditEvent) string { return e.Timestamp.UTC().Format(dayLayout) })},
	{"hour", FieldTimestamp, single(func(e *audit.PermissionAuditEvent) string { return e.Timestamp.UTC().Format(hourLayout) })},
	{"granted", FieldGranted, single(func(e *audit.PermissionAuditEvent) string { return strconv.FormatBool(e.Granted) })},
	{"bypassed", FieldBypassed, single(func(e *audit.PermissionAuditEvent) string { return strconv.FormatBool(e.Bypassed) })},
}

func single(value func(*audit.PermissionAuditEvent) string) func(*audit.PermissionAuditEvent) []string {
	return func(event *audit.PermissionAuditEvent) []string { return []string{value(event)} }
}

// distinct returns the values without repetitions; none is null.
func distinct(values []string) []string {
	switch len(values) {
	case 0:
		return null
	case 1:
		return values
	}
	once := make([]string, 0, len(values))
	for _, value := range values {
		if !slices.Contains(once, value) {
			once = append(once, value)
		}
	}
	return once
}

// Dimensions returns the names of what events can be grouped by: those with a fixed
// name, and "metadata.KEY", which stands for any metadata key.
func Dimensions() []string {
	var names []string
	for _, d := range dimensions {
		names = append(names, d.name)
	}
	return append(names, metadataPrefix+"KEY")
}

// MetadataDimension returns the metadata key that a dimension groups by, if it is
// one of metadata.
func MetadataDimension(name string) (key string, found bool) {
	return strings.CutPrefix(name, metadataPrefix)
}

// CheckDimensions returns an error unless events can be grouped by those
// dimensions. None is one group of everything.
func CheckDimensions(by []string) error {
	_, err := parseDimensions(by)
	return err
}

func parseDimensions(by []string) ([]dimension, error) {
	parsed := make([]dimension, len(by))
	for i, name := range by {
		if slices.Contains(by[:i], name) {
			return nil, fmt.Errorf("query: group by %q: it is named twice", name)
		}
		found := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == name })
		key, isMetadata := MetadataDimension(name)
		switch {
		case found >= 0:
			parsed[i] = dimensions[found]
		case isMetadata:
			parsed[i] = dimension{name, FieldMetadata, single(func(e *audit.PermissionAuditEvent) string {
				return metadataText(e.Metadata[key])
			})}
		default:
			return nil, fmt.Errorf("query: group by %q: unknown, want some of %s", name, strings.Join(Dimensions(), ", "))
		}
	}
	return parsed, nil
}
