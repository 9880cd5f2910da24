package table

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Default is the name of the table that stores use unless they are told another.
const Default = "permission_audit_log"

// maxIdentifier is how many bytes PostgreSQL keeps of a name.
const maxIdentifier = 63

// Name is the checked name of a table.
type Name struct {
	Schema string // "" if none was given
	Table  string
}

// ParseName checks a name, "table" or "schema.table"; "" is Default. Each part is 1
// to 63 letters, digits and underscores, of ASCII, so that it means the same in
// every database and in every shell.
func ParseName(name string) (Name, error) {
	if name == "" {
		return Name{Table: Default}, nil
	}
	schema, table, found := strings.Cut(name, ".")
	if !found {
		schema, table = "", name
	}
	for _, part := range []string{schema, table} {
		if found && part == "" || !isIdentifier(part) || len(part) > maxIdentifier {
			return Name{}, fmt.Errorf("table name %q: want name or schema.name, of letters, digits and underscores, at most %d bytes each",
				shorten(name), maxIdentifier)
		}
	}
	return Name{schema, table}, nil
}

func isIdentifier(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return true
}

func shorten(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}

// Quote returns an identifier as SQL.
func Quote(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}

// String is the name as it was given, for errors.
func (n Name) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}

// SQL is the quoted name.
func (n Name) SQL() string {
	if n.Schema == "" {
		return Quote(n.Table)
	}
	return Quote(n.Schema) + "." + Quote(n.Table)
}

// Index returns the name of an index of the table, which is unique for the suffix
// also where the table's name leaves no room for it.
func (n Name) Index(suffix string) string {
	name := n.Table + "_" + suffix
	if len(name) <= maxIdentifier {
		return name
	}
	hash := fnv.New32a()
	hash.Write([]byte(name))
	short := fmt.Sprintf("_%08x", hash.Sum32())
	return name[:maxIdentifier-len(short)] + short
}

// MetadataIndex returns the name of the index on a metadata key.
func (n Name) MetadataIndex(key string) string { return n.Index("metadata_" + key) }

// UserIndex returns the name of the index on the user.
func (n Name) UserIndex() string { return n.Index(userIndex) }
