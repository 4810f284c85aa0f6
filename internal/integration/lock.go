package integration

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite" // the driver of the platform's database
)

// A lock keeps everybody else out of a database, as a forgotten transaction
// does: the calls that need it hang until it ends.
type lock struct {
	db   *sql.DB
	conn *sql.Conn
}

func lockDatabase(ctx context.Context, path string) (*lock, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &lock{db, conn}, nil
}

func (l *lock) release() error {
	_, err := l.conn.ExecContext(context.Background(), "ROLLBACK")
	return errors.Join(err, l.conn.Close(), l.db.Close())
}
