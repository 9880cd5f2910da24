//go:build linux

package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// ownServer is a PostgreSQL server of a test's own, which may stop it as it likes.
type ownServer struct {
	dsn  string
	bin  string
	data string
	port int
	as   *syscall.SysProcAttr
}

// startServer makes a new, empty server and starts it. It is stopped with the test.
func startServer(t *testing.T, settings ...string) *ownServer {
	t.Helper()
	bin, err := exec.Command("../scripts/postgres-bin.sh").Output()
	if err != nil {
		t.Skip("needs PostgreSQL's server programs: scripts/setup.sh postgresql installs them")
	}
	directory := t.TempDir()
	s := &ownServer{bin: strings.TrimSpace(string(bin)), data: filepath.Join(directory, "data")}
	if os.Geteuid() == 0 { // as whom it refuses to run
		owner, err := user.Lookup("postgres")
		require.NoError(t, err)
		uid, err := strconv.Atoi(owner.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(owner.Gid)
		require.NoError(t, err)
		s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		require.NoError(t, os.Chmod(filepath.Dir(directory), 0o711))
		require.NoError(t, os.Chown(directory, uid, gid))
	}
	s.run(t, "initdb", "-D", s.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	// The role service needs its password, the others need none.
	hba := filepath.Join(s.data, "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(hba, append([]byte("host all service 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.port = listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	s.dsn = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	configuration := append([]string{
		"port = " + strconv.Itoa(s.port), "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''",
	}, settings...)
	file, err := os.OpenFile(filepath.Join(s.data, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString(strings.Join(configuration, "\n") + "\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *ownServer) run(t *testing.T, program string, args ...string) {
	t.Helper()
	command := exec.Command(filepath.Join(s.bin, program), args...)
	command.Dir, command.SysProcAttr = filepath.Dir(s.data), s.as
	// A server inherits the standard output of pg_ctl: a pipe would never end.
	log, err := os.Create(filepath.Join(t.TempDir(), "output"))
	require.NoError(t, err)
	command.Stdout, command.Stderr = log, log
	err = command.Run()
	output, _ := os.ReadFile(log.Name())
	require.NoError(t, err, "%s: %s", program, output)
	require.NoError(t, log.Close())
}

func (s *ownServer) start(t *testing.T) {
	t.Helper()
	s.run(t, "pg_ctl", "start", "-D", s.data, "-w", "-t", "60")
}

// stop stops it as a power cut would.
func (s *ownServer) stop(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(s.data, "postmaster.pid")); err == nil {
		s.run(t, "pg_ctl", "stop", "-D", s.data, "-m", "immediate", "-w")
	}
}

// kill kills its first process with SIGKILL, and waits for the others to end.
func (s *ownServer) kill(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return len(childrenIn(s.data)) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, os.Remove(filepath.Join(s.data, "postmaster.pid")))
}

// childrenIn are the processes whose working directory is a server's data.
func childrenIn(data string) (pids []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range processes {
		if target, err := os.Readlink(link); err == nil && target == data {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// execute runs statements, of which each is a transaction of its own.
func (s *ownServer) execute(t *testing.T, statements ...string) {
	t.Helper()
	withConn(t, s.dsn, func(ctx context.Context, conn *pgx.Conn) {
		for _, statement := range statements {
			_, err := conn.Exec(ctx, statement)
			require.NoError(t, err, statement)
		}
	})
}
