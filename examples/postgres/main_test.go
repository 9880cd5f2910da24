package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunPrintsWhoWasRefused(t *testing.T) {
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("needs a PostgreSQL server: run it with `scripts/with-postgres.sh go test ./examples/postgres`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
	}
	table := fmt.Sprintf("example_%d", os.Getpid())
	t.Cleanup(func() {
		ctx := context.Background() // that of the test has ended
		conn, err := pgx.Connect(ctx, dsn)
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "DROP TABLE "+table)
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	})
	for before := range 2 { // the table is there the second time
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, dsn, table))
		rows := `mallory  read    Document  roadmap
mallory  read    Document  budget
bob      read    Document  budget
`
		require.Equal(t, "USER     ACTION  MANAGER   OBJECT\n"+strings.Repeat(rows, before+1), out.String())
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	const password = "correct-horse"
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close()) // nobody is there
	for _, dsn := range []string{"postgres://u:" + password + "@[x", "postgres://u:" + password + "@" + address + "/app"} {
		err := run(ended, &strings.Builder{}, dsn, "")
		require.Error(t, err)
		require.NotContains(t, err.Error(), password)
	}
}
