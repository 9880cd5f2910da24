package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Full reports whether the whole suite is run, by `make faults`, and not the short
// version of `make test`.
func Full() bool { return os.Getenv("AUDIT_FAULTS") == "full" }

// Rounds is one number or the other.
func Rounds(short, full int) int {
	if Full() {
		return full
	}
	return short
}

// Row is a line of the table.
type Row struct {
	Fault  string // begins with the number of the row in the list of faults
	Rounds int
	Counts
	Note string // what else was seen
}

// Report checks that nothing was lost or duplicated, and writes the row to the table,
// which is the file that AUDIT_FAULTS_TABLE names.
func Report(tb testing.TB, row Row) {
	tb.Helper()
	result := "ok"
	if row.Lost > 0 || row.Duplicated > 0 || tb.Failed() {
		result = "FAILED"
		tb.Errorf("%s: %d lost, %d duplicated", row.Fault, row.Lost, row.Duplicated)
	}
	if row.Note != "" {
		result += ", " + row.Note
	}
	write(tb, "faults", row.Fault, row.Rounds, row.Submitted, row.Acked, row.Found, row.Lost, row.Duplicated, result)
}

// ReportNaive checks that a writer that leaves something out was seen to lose, and
// writes the row to the table of naive writers.
func ReportNaive(tb testing.TB, row Row) {
	tb.Helper()
	result := "found to lose"
	if row.Lost == 0 {
		result = "SURVIVED"
		tb.Errorf("%s: nothing was lost", row.Fault)
	}
	write(tb, "naive", row.Fault, row.Rounds, row.Submitted, row.Acked, row.Found, row.Lost, row.Duplicated, result)
}

// ReportMutant writes a row to the table of mutants.
func ReportMutant(tb testing.TB, mutant, killer string, killed bool) {
	tb.Helper()
	result := "killed"
	if !killed {
		result = "SURVIVED"
		tb.Errorf("the mutant %q survives %s", mutant, killer)
	}
	write(tb, "mutants", mutant, killer, result)
}

func write(tb testing.TB, table string, cells ...any) {
	tb.Helper()
	texts := []string{table}
	for _, cell := range cells {
		texts = append(texts, strings.ReplaceAll(fmt.Sprint(cell), "\t", " "))
	}
	line := strings.Join(texts, "\t")
	tb.Log(line)
	path := os.Getenv("AUDIT_FAULTS_TABLE")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteString(line + "\n")
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		tb.Error(err)
	}
}
