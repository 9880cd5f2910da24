// Package query reads permission events back.
//
// # Sources
//
// What events are read from is a [Source]. [Files] reads logs, of this library or
// of general_manager, plain or compressed, on all processors; [Slice] reads events that
// are in memory; [Open] opens what a user named in words, a file, a glob, standard input
// or a database, and [OpenAll] several of them:
//
//	source, err := query.Open(ctx, "permission.log")
//	if err != nil {
//		return err
//	}
//	defer source.Close()
//
// Databases are not imported by this package. An import of the driver's package
// makes Open know its scheme:
//
//	import _ "github.com/permaudit/audit/sqlite"
//
// # Filters
//
// A [Filter] says which events, in which order, and how many. [Filter.Match] is
// its definition: every Source yields those events that Match accepts, whether it
// asks Match or a database. What just happened to this user:
//
//	filter := query.Filter{
//		User:    query.Terms{In: []string{"42"}},
//		Granted: query.No,
//		Newest:  true,
//		Limit:   50,
//	}
//	for event, err := range source.Events(ctx, filter) {
//		...
//	}
//
// # Groups
//
// Questions about many events are answered by counting: [GroupBy] groups what a filter
// selects by any of [Dimensions], where it lies, without handing out each event. Package
// analysis asks such questions.
//
//	groups, err := query.GroupBy(ctx, source, query.Filter{Granted: query.No}, []string{"manager", "attribute"})
//
// # Watching
//
// A [Follower] yields what arrives from now on: files through their rotation, and
// tables.
//
// # Errors
//
// A line that cannot be read is no reason to stop: it is yielded as a
// [*DamageError], and the reading goes on. Any other error is the last pair of the
// sequence. A caller that is not interested in damage still has to look:
//
//	var damage *query.DamageError
//	switch {
//	case errors.As(err, &damage):
//		log.Print(damage) // permission.log:17: ...
//		continue
//	case err != nil:
//		return err
//	}
package query
