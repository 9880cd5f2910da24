package faults

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const insideEnv = "AUDIT_FAULTS_INSIDE"

// InPrivateMounts runs the test once more, in a process of its own in which what it
// mounts is seen by nobody else and gone with it. It reports whether this is that
// process; in the other one the test is over then. That takes root.
func InPrivateMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	name := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+name, "-test.v")
	command.Env = append(os.Environ(), insideEnv+"="+t.Name())
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("in a process of its own:\n%s", output)
	return false
}

// SmallDisk mounts a disk of so many bytes, in private mounts.
func SmallDisk(t *testing.T, directory, size string) {
	t.Helper()
	if err := syscall.Mount("none", directory, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(directory, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
