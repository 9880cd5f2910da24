package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asCommand makes the test binary be the command, for tests of whole processes.
const asCommand = "PERMAUDIT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
