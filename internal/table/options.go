package table

import (
	"errors"
	"fmt"

	"github.com/permaudit/audit"
)

// CheckOptions checks the options that stores have in common.
func CheckOptions(tableName string, metadataIndexes []string) (Name, []string, error) {
	name, wrongName := ParseName(tableName)
	indexes, wrongIndex := checkIndexes(metadataIndexes)
	return name, indexes, errors.Join(wrongName, wrongIndex)
}

// checkIndexes checks the option MetadataIndexes: nil is the default, request_id.
// The keys become part of SQL, as constants and in the names of indexes.
func checkIndexes(keys []string) ([]string, error) {
	if keys == nil {
		return []string{audit.MetadataRequestID}, nil
	}
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		switch {
		case !isIndexKey(key):
			return nil, fmt.Errorf("metadata index %q: want a key of letters, digits and underscores, at most %d bytes", shorten(key), maxIdentifier)
		case seen[key]:
			return nil, fmt.Errorf("metadata index %q: it is there twice", key)
		}
		seen[key] = true
	}
	return append([]string(nil), keys...), nil
}

// isIndexKey reports whether there can be an index of ours on a metadata key.
func isIndexKey(key string) bool {
	return key != "" && isIdentifier(key) && len(key) <= maxIdentifier
}
