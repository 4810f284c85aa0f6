package main

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite"
)

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

type database struct {
	*sql.DB
	find *sql.Stmt
}

func newDatabase(ctx context.Context) (asker, func(), error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	if _, err := db.ExecContext(ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)"); err != nil {
		return nil, nil, err
	}
	find, err := db.PrepareContext(ctx, "SELECT what FROM orders WHERE id = ?")
	if err != nil {
		return nil, nil, err
	}
	return &database{db, find}, func() { find.Close(); db.Close() }, nil
}

func (d *database) ask(ctx context.Context, question string) (string, error) {
	tx, err := d.Begin()
	if err != nil {
		return "", err
	}
	defer tx.Rollback()
	if err := insert(ctx, tx, question); err != nil {
		return "", err
	}
	if err := tx.Commit(); err != nil {
		return "", err
	}
	answer := ""
	if err := d.find.QueryRowContext(ctx, 1).Scan(&answer); err != nil {
		return "", err
	}
	if err := d.find.QueryRow(2).Scan(&answer); !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	return answer, all(ctx, d)
}

func insert(ctx context.Context, q querier, what string) error {
	_, err := q.ExecContext(ctx, "INSERT INTO orders (what) VALUES (?)", what)
	return err
}

func all(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, "SELECT id FROM orders WHERE what <> 'secret literal'")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		id := 0
		if err := rows.Scan(&id); err != nil {
			return err
		}
	}
	return rows.Err()
}
