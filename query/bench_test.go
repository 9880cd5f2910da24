package query

import (
	"strings"
	"testing"
)

// referenceLine is the reference event of the benchmarks, as it is logged.
const referenceLine = `{"id":"01a216c3-310e-71e4-aa55-f125fda87f42","timestamp":"2026-11-23T07:46:20.153874Z","action":"update","attributes":["status","owner"],` +
	`"granted":true,"bypassed":false,"manager":"Project","user_id":"1008","user":null,"permissions":["isSelf","matches:status:open","relatedUserField:owner"],` +
	`"metadata":{"deployment":"v1","request_id":"req-00000000"}}`

// BenchmarkScan reads a line of this library's, and one as Python writes it.
func BenchmarkScan(b *testing.B) {
	python := strings.NewReplacer(`":`, `": `, `,"`, `, "`, `Z"`, `+00:00"`, `"id":"01a216c3-310e-71e4-aa55-f125fda87f42",`, "").Replace(referenceLine)
	for name, text := range map[string]string{"ours": referenceLine, "python": python} {
		b.Run(name, func(b *testing.B) {
			line := []byte(text + "\n" + text)[:len(text)] // as it lies in a block
			scanner := lineScanner{lists: new(knownLists)}
			var raw rawLine
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if !scanner.scan(line, &raw) {
					b.Fatal("it is an event")
				}
			}
		})
	}
}
