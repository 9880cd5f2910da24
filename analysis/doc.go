// Package analysis is the place of the questions that one asks of a query.Source:
// which rules are missing, who bypasses them, what a deployment broke. It holds no
// code yet.
package analysis
