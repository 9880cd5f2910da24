// Package truth knows what a comparison of deployments should find, because it made the
// nights up: worlds of keys and users, nights on which nothing has changed, and nights on
// which something has, in keys that are known. `make truth` judges them with
// analysis.Compare, and counts the false alerts and what was found; see tables.md.
//
// Everything follows from the seed: the same seed makes the same events.
package truth
