// Package customers keeps the customer database and the journal of agent runs.
package customers

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver named "sqlite"
)

// ErrNotFound means that no customer has the wanted id.
var ErrNotFound = errors.New("customer not found")

//go:embed schema.sql
var schema string

// A Customer is one row of the customer table with its profile decoded.
type Customer struct {
	ID, Name, Plan string
	Profile        Profile
}

// A Profile is what the sales team keeps about a customer, stored as JSON.
type Profile struct {
	Segment string `json:"segment"`
	Contact string `json:"contact"`
}

// An Order is one purchase of a customer.
type Order struct {
	Cents int64
	Paid  bool
}

// A Run is one line of the journal of agent runs.
type Run struct {
	ExecutionID, AgentType, UserID, Outcome string
	Finished                                time.Time
}

// Repository reads and writes the database. It may be used by several
// goroutines at once.
//
//orchestrall:trace kind=db ignore=ErrNotFound
type Repository struct {
	db *sql.DB
}

// Open opens the database at path, or a fresh one in memory for ":memory:",
// and creates the tables and the sample customers where they are missing.
func Open(ctx context.Context, path string) (*Repository, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	// Every connection to ":memory:" would see a database of its own, and
	// SQLite has one writer at a time anyway.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create tables in %s: %w", path, err), db.Close())
	}
	return &Repository{db: db}, nil
}

// Find returns the customer with the given id, or [ErrNotFound].
func (r *Repository) Find(ctx context.Context, id string) (Customer, error) {
	c := Customer{ID: id}
	var profile string
	row := r.db.QueryRowContext(ctx, `SELECT name, plan, profile FROM customers WHERE id = ?`, id)
	switch err := row.Scan(&c.Name, &c.Plan, &profile); {
	case errors.Is(err, sql.ErrNoRows):
		return Customer{}, ErrNotFound
	case err != nil:
		return Customer{}, fmt.Errorf("read customer: %w", err)
	}
	if err := json.Unmarshal([]byte(profile), &c.Profile); err != nil {
		return Customer{}, fmt.Errorf("decode profile: %w", err)
	}
	return c, nil
}

// Orders returns the orders of a customer, oldest first.
func (r *Repository) Orders(ctx context.Context, id string) ([]Order, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT cents, paid FROM orders WHERE customer = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	defer rows.Close()
	var orders []Order
	for rows.Next() {
		var o Order
		if err := rows.Scan(&o.Cents, &o.Paid); err != nil {
			return nil, fmt.Errorf("read order: %w", err)
		}
		orders = append(orders, o)
	}
	return orders, rows.Err()
}

// Record writes one run to the journal.
func (r *Repository) Record(ctx context.Context, run Run) error {
	_, err := r.db.ExecContext(ctx,
		`INSERT INTO runs (execution, agent, customer_user, outcome, finished) VALUES (?, ?, ?, ?, ?)`,
		run.ExecutionID, run.AgentType, run.UserID, run.Outcome, run.Finished.UTC().Format(time.RFC3339Nano))
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ExecutionID, err)
	}
	return nil
}

// Runs returns how many runs the journal holds.
func (r *Repository) Runs(ctx context.Context) (int, error) {
	var n int
	if err := r.db.QueryRowContext(ctx, `SELECT count(*) FROM runs`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count runs: %w", err)
	}
	return n, nil
}

// Close closes the database.
//
//orchestrall:ignore
func (r *Repository) Close() error {
	return r.db.Close()
}
