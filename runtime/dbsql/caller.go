package dbsql

import (
	"context"
	"database/sql"
)

// Methods of database/sql that take no context, with the context of the
// function that calls them: what they do belongs to its trace. They are not
// ended with it, as they would not be without.

// values is ctx as long as the program lives.
func values(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return context.WithoutCancel(ctx)
}

// Begin is [sql.DB.Begin].
func Begin(ctx context.Context, db *sql.DB) (*sql.Tx, error) { return db.BeginTx(values(ctx), nil) }

// Exec is [sql.DB.Exec].
func Exec(ctx context.Context, db *sql.DB, query string, args ...any) (sql.Result, error) {
	return db.ExecContext(values(ctx), query, args...)
}

// Ping is [sql.DB.Ping].
func Ping(ctx context.Context, db *sql.DB) error { return db.PingContext(values(ctx)) }

// Prepare is [sql.DB.Prepare].
func Prepare(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	return db.PrepareContext(values(ctx), query)
}

// Query is [sql.DB.Query].
func Query(ctx context.Context, db *sql.DB, query string, args ...any) (*sql.Rows, error) {
	return db.QueryContext(values(ctx), query, args...)
}

// QueryRow is [sql.DB.QueryRow].
func QueryRow(ctx context.Context, db *sql.DB, query string, args ...any) *sql.Row {
	return db.QueryRowContext(values(ctx), query, args...)
}

// TxExec is [sql.Tx.Exec].
func TxExec(ctx context.Context, tx *sql.Tx, query string, args ...any) (sql.Result, error) {
	return tx.ExecContext(values(ctx), query, args...)
}

// TxPrepare is [sql.Tx.Prepare].
func TxPrepare(ctx context.Context, tx *sql.Tx, query string) (*sql.Stmt, error) {
	return tx.PrepareContext(values(ctx), query)
}

// TxQuery is [sql.Tx.Query].
func TxQuery(ctx context.Context, tx *sql.Tx, query string, args ...any) (*sql.Rows, error) {
	return tx.QueryContext(values(ctx), query, args...)
}

// TxQueryRow is [sql.Tx.QueryRow].
func TxQueryRow(ctx context.Context, tx *sql.Tx, query string, args ...any) *sql.Row {
	return tx.QueryRowContext(values(ctx), query, args...)
}

// TxStmt is [sql.Tx.Stmt].
func TxStmt(ctx context.Context, tx *sql.Tx, s *sql.Stmt) *sql.Stmt {
	return tx.StmtContext(values(ctx), s)
}

// StmtExec is [sql.Stmt.Exec].
func StmtExec(ctx context.Context, s *sql.Stmt, args ...any) (sql.Result, error) {
	return s.ExecContext(values(ctx), args...)
}

// StmtQuery is [sql.Stmt.Query].
func StmtQuery(ctx context.Context, s *sql.Stmt, args ...any) (*sql.Rows, error) {
	return s.QueryContext(values(ctx), args...)
}

// StmtQueryRow is [sql.Stmt.QueryRow].
func StmtQueryRow(ctx context.Context, s *sql.Stmt, args ...any) *sql.Row {
	return s.QueryRowContext(values(ctx), args...)
}
