package faults

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// Balance checks the equation that holds for an audit.Stats at every moment.
func Balance(stats any) error {
	value := reflect.ValueOf(stats)
	wrapped := false // a counter went below zero
	sum := func(fields ...string) (sum uint64) {
		for _, field := range fields {
			n := value.FieldByName(field).Uint()
			wrapped = wrapped || n > 1<<60
			sum += n
		}
		return sum
	}
	if sum("Recorded", "Recovered") != sum("Written", "Dropped", "DeadLettered", "Pending") || sum("Spooled") > sum("Pending") || wrapped {
		return fmt.Errorf("the equation does not hold, recorded + recovered = written + dropped + dead-lettered + pending, of which some are spooled: %+v", stats)
	}
	return nil
}

// WatchLedger asks for an audit.Stats every millisecond, and once more when stop is
// called. If one does not balance, the test fails.
func WatchLedger[Stats any](tb testing.TB, stats func() Stats) (stop func()) {
	tb.Helper()
	stopped, done := make(chan struct{}), make(chan struct{})
	check := func() bool {
		err := Balance(stats())
		if err != nil {
			tb.Error(err)
		}
		return err == nil
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for check() {
			select {
			case <-tick.C:
			case <-stopped:
				return
			}
		}
	}()
	return func() {
		close(stopped)
		<-done
		check()
	}
}
