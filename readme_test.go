package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blocks returns the code blocks of a page in a language.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1) {
		found = append(found, string(match[1]))
	}
	return found
}

// build does what a newcomer does with a program of the README, in an empty
// directory, and returns the directory and the binary.
func build(t *testing.T, program string) (directory, binary string) {
	t.Helper()
	checkout, err := os.Getwd()
	require.NoError(t, err)
	directory = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "main.go"), []byte(program), 0o600))
	binary = filepath.Join(directory, "program")
	for _, command := range [][]string{
		{"go", "mod", "init", "example.com/newcomer"},
		{"go", "mod", "edit", "-replace", "github.com/permaudit/audit=" + checkout},
		{"go", "mod", "tidy"},
		{"go", "vet", "."},
		{"go", "build", "-o", binary, "."},
	} {
		run(t, directory, command...)
	}
	return directory, binary
}

func run(t *testing.T, directory string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = directory
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(command, " "), out)
	return string(out)
}

func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	program := blocks(t, "README.md", "go")[0]
	directory, binary := build(t, program)
	require.Empty(t, run(t, directory, binary))
	log, err := os.ReadFile(filepath.Join(directory, "permission.log"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	require.Len(t, lines, 2)

	// The line that it shows, but for id and time.
	vary := regexp.MustCompile(`"id":"[^"]*","timestamp":"[^"]*"`)
	shown := strings.TrimSpace(blocks(t, "README.md", "json")[0])
	require.Equal(t, vary.ReplaceAllString(shown, ""), vary.ReplaceAllString(lines[1], ""))

	// The command that it shows.
	selected := run(t, directory, "sh", "-c", blocks(t, "README.md", "sh")[0])
	require.Contains(t, selected, `"mallory"`)
	require.NotContains(t, selected, `"alice"`)
}

func TestTheServiceOfTheReadmeShutsDownOnSIGTERM(t *testing.T) {
	directory, binary := build(t, blocks(t, "README.md", "go")[1])
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Dir = directory
	cmd.Env = append(os.Environ(), "AUDIT_LOGGER=file:permission.log?flush_interval=3600")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	output := bufio.NewReader(stderr)
	line, err := output.ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://\S+`).FindString(line)
	require.NotEmpty(t, url, line)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, want := range []int{http.StatusForbidden, http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		if want == http.StatusOK {
			request.Header.Set("X-User", "alice")
		}
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
	log, err := os.ReadFile(filepath.Join(directory, "permission.log"))
	require.NoError(t, err)
	require.Equal(t, 2, bytes.Count(log, []byte("\n")))
}
