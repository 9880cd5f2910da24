package query

// Fields is a set of fields of an event; the zero value is all of them. Join them
// with |.
type Fields uint32

// The fields of an event, as the Source may leave them out.
const (
	FieldID Fields = 1 << iota
	FieldTimestamp
	FieldAction
	FieldAttributes
	FieldGranted
	FieldBypassed
	FieldManager
	FieldUser // UserID and User
	FieldPermissions
	FieldMetadata
	FieldSanitized
)

// Has reports whether all fields of the set other are in f, as they are if f is
// zero.
func (f Fields) Has(other Fields) bool { return f == 0 || f&other == other }
