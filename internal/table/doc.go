// Package table is what the stores of all databases have in common: the name of the
// table of events, its columns, and the SQL that selects events from it.
package table
