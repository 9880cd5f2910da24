package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// askers are who sends each of the requests, in the order of the traffic.
var askers = []string{"1", "12", "30", "41", "7", ""}

// expected says what is to be logged for each of the requests, and to whom but the
// superuser they are granted.
var expected = []struct {
	manager     string
	action      audit.Action
	attributes  []string   // nil: one event without
	permissions [][]string // of each event
	allowed     []string
}{
	{"Project", audit.ActionCreate, []string{"name"}, [][]string{{"isSignedIn"}}, []string{"12", "30", "41", "7"}},
	{
		"Project", audit.ActionRead,
		[]string{"name", "budget"},
		[][]string{{"isPublic", "isMember", "isStaff"}, {"isPublic", "isMember", "isStaff", "isOwner", "isStaff"}},
		[]string{"41", "7"},
	},
	{"Project", audit.ActionRead, nil, [][]string{{"isPublic", "isMember", "isStaff"}}, []string{"12", "30", "41", "7", ""}},
	{"Project", audit.ActionUpdate, []string{"name", "status"}, [][]string{{"isMember"}, {"isMember"}}, []string{"12", "7"}},
	{
		"Project", audit.ActionUpdate,
		[]string{"budget", "status"},
		[][]string{{"isMember", "isOwner", "isStaff"}, {"isMember"}},
		[]string{"7"},
	},
	{"Project", audit.ActionUpdate, nil, [][]string{{"isMember"}}, []string{"30"}},
	{"Project", audit.ActionDelete, nil, [][]string{{"isOwner"}}, []string{"30"}},
	{"Project", audit.ActionMutation, []string{"reason"}, [][]string{{"isMember"}}, []string{"12", "7"}},
	{
		"Task", audit.ActionCreate,
		[]string{"estimate", "title"},
		[][]string{{"isSignedIn", "isMember", "isMember"}, {"isSignedIn", "isMember"}},
		[]string{"12", "7"},
	},
	{
		"Task", audit.ActionRead,
		[]string{"title", "estimate"},
		[][]string{{"isPublic", "isMember", "isStaff"}, {"isPublic", "isMember", "isStaff", "isMember"}},
		[]string{"12", "7"},
	},
	{
		"Task", audit.ActionRead,
		[]string{"title", "estimate"},
		[][]string{{"isPublic", "isMember", "isStaff"}, {"isPublic", "isMember", "isStaff", "isMember"}},
		[]string{"30"},
	},
	{
		"Task", audit.ActionUpdate,
		[]string{"budget", "title"},
		[][]string{{"isMember", "isOwner", "isStaff", "isAssignee", "isOwner"}, {"isMember", "isAssignee", "isOwner"}},
		[]string{"7"},
	},
	{"Task", audit.ActionDelete, nil, [][]string{{"isOwner"}}, []string{"7"}},
	{"Task", audit.ActionMutation, []string{"assignee"}, [][]string{{"isMember", "isOwner"}}, []string{"7"}},
}

// line is a line of the log.
type line struct {
	Action      audit.Action
	Attributes  []string
	Granted     bool
	Bypassed    bool
	Manager     string
	UserID      *string `json:"user_id"`
	User        *string
	Permissions []string
	Metadata    map[string]string
}

func (l line) user() string {
	if l.UserID != nil {
		return *l.UserID
	}
	return *l.User
}

// readLog reads a log without the help of the library.
func readLog(t *testing.T, dir string) []line {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "permission.log"))
	require.NoError(t, err)
	var lines []line
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var l line
		require.NoError(t, decoder.Decode(&l))
		lines = append(lines, l)
	}
	return lines
}

func TestEachResponseAgreesWithItsEvents(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	require.NoError(t, configure(t.Context(), dir))
	responses, err := serve(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(responses), 200)
	require.Len(t, expected, len(requests))

	events := map[string][]line{}
	for _, l := range readLog(t, dir) {
		id := l.Metadata[audit.MetadataRequestID]
		events[id] = append(events[id], l)
	}
	require.Len(t, events, len(responses), "each request has events, and no event is without a request")
	actions := map[audit.Action]bool{}
	for i, answer := range responses {
		want := expected[i/len(askers)%len(requests)]
		asker := askers[i%len(askers)]
		own := events[answer.requestID]
		about := fmt.Sprintf("request %+v of user %q: %+v", requests[i/len(askers)%len(requests)], asker, own)

		require.Len(t, own, max(1, len(want.attributes)), about)
		denied := slices.ContainsFunc(own, func(l line) bool { return !l.Granted })
		allowed := asker == "1" || slices.Contains(want.allowed, asker)
		if allowed {
			require.Equal(t, http.StatusOK, answer.status, about)
			require.False(t, denied, about)
		} else {
			require.Equal(t, http.StatusForbidden, answer.status, about)
			require.True(t, denied, about)
		}
		for n, l := range own {
			actions[l.Action] = true
			require.Equal(t, want.manager, l.Manager, about)
			require.Equal(t, want.action, l.Action, about)
			if want.attributes == nil {
				require.Empty(t, l.Attributes, about)
			} else {
				require.Equal(t, want.attributes[n:n+1], l.Attributes, about)
			}
			switch asker {
			case "":
				require.Nil(t, l.UserID, about)
				require.NotNil(t, l.User, about)
				require.Equal(t, "AnonymousUser", *l.User, about)
			default:
				require.Nil(t, l.User, about)
				require.NotNil(t, l.UserID, about)
				require.Equal(t, asker, *l.UserID, about)
			}
			require.Equal(t, want.permissions[n], l.Permissions, about)
			require.Equal(t, asker == "1", l.Bypassed, about)
			require.True(t, l.Granted || !l.Bypassed, about)
		}
	}
	require.Len(t, actions, 5)
}

func TestRunPrintsTheNumbersOfTheLog(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, dir))
	requireReport(t, out.String(), dir)
	require.ErrorIs(t, audit.EmitPermissionAuditEvent(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead}), audit.ErrClosed)
}

func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "quickstart.exe")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))

	temporary := t.TempDir()
	command := exec.CommandContext(t.Context(), program)
	command.Env = append(os.Environ(), "TMPDIR="+temporary, "TMP="+temporary, "TEMP="+temporary)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err = command.Output()
	require.NoError(t, err, stderr.String())
	require.Empty(t, stderr.String())

	left, err := filepath.Glob(filepath.Join(temporary, "*"))
	require.NoError(t, err)
	require.Len(t, left, 1)
	requireReport(t, string(output), left[0])
	text, err := os.ReadFile(filepath.Join(left[0], "settings.json"))
	require.NoError(t, err)
	options, err := json.Marshal(map[string]string{
		"file": filepath.Join(left[0], "permission.log"), "database": filepath.Join(left[0], "audit.db"),
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"GENERAL_MANAGER": {"AUDIT_LOGGER": {"class": "FileAndSQLite", "options": `+string(options)+`}}}`, string(text))
}

// requireReport checks every line of the program's output against the log in dir.
func requireReport(t *testing.T, output, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "permission.log"))
	require.NoError(t, err)
	type group struct {
		events int
		users  map[string]bool
	}
	denied, bypassed, refused, served := map[[2]string]group{}, map[[2]string]group{}, map[string]bool{}, map[string]bool{}
	add := func(groups map[[2]string]group, a, b, user string) {
		g := groups[[2]string{a, b}]
		if g.users == nil {
			g.users = map[string]bool{}
		}
		g.users[user] = true
		groups[[2]string{a, b}] = group{g.events + 1, g.users}
	}
	lines := readLog(t, dir)
	for _, l := range lines {
		served[l.Metadata[audit.MetadataRequestID]] = true
		if !l.Granted {
			refused[l.Metadata[audit.MetadataRequestID]] = true
			attribute := "(none)"
			if len(l.Attributes) > 0 {
				attribute = l.Attributes[0]
			}
			add(denied, l.Manager, attribute, l.user())
		}
		if l.Bypassed {
			add(bypassed, l.user(), l.Manager, l.user())
		}
	}
	want := []string{"The first events of the file, one a line:"}
	want = append(want, strings.SplitN(string(text), "\n", 4)[:3]...)
	rows := func(header string, groups map[[2]string]group, row func(group) string) {
		var sorted []string
		for key, g := range groups {
			sorted = append(sorted, key[0]+" "+key[1]+" "+row(g))
		}
		slices.Sort(sorted)
		want = append(append(want, "", header), sorted...)
	}
	rows("MANAGER ATTRIBUTE DENIED USERS", denied, func(g group) string { return fmt.Sprintf("%d %d", g.events, len(g.users)) })
	rows("SUPERUSER MANAGER BYPASSED", bypassed, func(g group) string { return fmt.Sprint(g.events) })
	want = append(want, "",
		fmt.Sprintf("%d requests: %d answered with 200, %d with 403; %d events", len(served), len(served)-len(refused), len(refused), len(lines)),
		"settings.json, permission.log and audit.db are in "+dir, "")
	require.Equal(t, want, strings.Split(regexp.MustCompile(` {2,}`).ReplaceAllString(output, " "), "\n"))
	require.Less(t, len(want), 30, "a screen")
}

func TestNothingIsBuiltWhileLoggingIsOff(t *testing.T) {
	check := func() {
		allowed, err := taskRules.check(t.Context(), users["12"], tasks["t1"], audit.ActionUpdate, requestedAttributes)
		if !allowed || err != nil {
			panic(fmt.Sprint(allowed, err))
		}
	}
	recorder := audittest.Install(t)
	require.Positive(t, testing.AllocsPerRun(100, check))
	require.NotEmpty(t, recorder.Events())
	recorder.Reset()

	defer audit.ConfigureAuditLogger(nil)()
	require.Zero(t, testing.AllocsPerRun(100, check))
	require.Empty(t, recorder.Events())
	responses, err := serve(t.Context())
	require.NoError(t, err)
	for i, answer := range responses {
		asker := askers[i%len(askers)]
		allowed := asker == "1" || slices.Contains(expected[i/len(askers)%len(requests)].allowed, asker)
		require.Equal(t, allowed, answer.status == http.StatusOK, "the log decides nothing")
	}
}

var requestedAttributes = []string{"status", "title"}

// ask sends a request straight to the service.
func ask(method, target, payload string) int {
	recorder := httptest.NewRecorder()
	newHandler().ServeHTTP(recorder, httptest.NewRequest(method, target, strings.NewReader(payload)))
	return recorder.Code
}

func TestWhatCannotBeLoggedIsNotDone(t *testing.T) {
	recorder := audittest.Install(t)
	require.Equal(t, http.StatusOK, ask("GET", "/projects/p2", ""))
	recorder.FailWith(io.ErrUnexpectedEOF)
	require.Equal(t, http.StatusServiceUnavailable, ask("GET", "/projects/p2", ""))
}

func TestWhatIsNoDecisionIsNotLogged(t *testing.T) {
	recorder := audittest.Install(t)
	require.Equal(t, http.StatusBadRequest, ask("PATCH", "/projects/p2", `["name"]`))
	require.Equal(t, http.StatusNotFound, ask("GET", "/projects/p9", ""))
	require.Equal(t, http.StatusNotFound, ask("GET", "/users/7", ""))
	recorder.AssertNone(t)
}

func TestFileAndDatabaseHoldTheSameEvents(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	require.NoError(t, run(t.Context(), io.Discard, dir))
	text, err := os.ReadFile(filepath.Join(dir, "permission.log"))
	require.NoError(t, err)
	database, err := query.Open(t.Context(), "sqlite:"+filepath.Join(dir, "audit.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close()) }()
	stored := map[audit.EventID]string{} // two loggers may take events of several goroutines in two orders
	for event, err := range database.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		stored[event.ID] = string(line)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	require.Len(t, stored, len(lines))
	for _, line := range lines {
		var event audit.PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON([]byte(line)))
		require.Equal(t, line, stored[event.ID])
	}
}

func TestOptionsOfTheLoggerAreChecked(t *testing.T) {
	for _, options := range []map[string]any{nil, {"file": "x"}, {"file": "x", "database": "y", "z": 1}} {
		_, err := newBothLoggers(t.Context(), options)
		require.ErrorContains(t, err, "file and database")
	}
	dir := t.TempDir()
	_, err := newBothLoggers(t.Context(), map[string]any{"file": filepath.Join(dir, "permission.log"), "database": dir})
	require.ErrorContains(t, err, "is a directory")
}
