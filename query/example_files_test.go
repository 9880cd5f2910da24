package query_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/permaudit/audit/query"
)

// A log is read in which one line is damaged and the last one is still being
// written.
func ExampleFiles() {
	source := query.Files("testdata/damaged.log")
	for event, err := range source.Events(context.Background(), query.Filter{}) {
		var damage *query.DamageError
		switch {
		case errors.As(err, &damage):
			fmt.Printf("%s: line %d is damaged\n", damage.File, damage.Line)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(event.UserID, event.Action, event.Manager, event.Granted)
		}
	}
	// Output:
	// 7 read Project true
	// testdata/damaged.log: line 2 is damaged
	// 42 update Project false
}

// Open takes what a user typed: here a file, with the package of a database
// imported also sqlite:audit.db or postgres://...
func ExampleOpen() {
	source, err := query.Open(context.Background(), "file:testdata/general_manager.log")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = source.Close() }()

	denied := 0
	for _, err := range source.Events(context.Background(), query.Filter{Granted: query.No}) {
		if err != nil {
			log.Print(err)
			return
		}
		denied++
	}
	fmt.Println(denied, "denied")
	// Output: 151 denied
}
