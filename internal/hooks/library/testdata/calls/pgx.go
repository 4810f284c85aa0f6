package main

import (
	"context"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// beginner is what *pgxpool.Pool and *pgx.Conn have in common.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

type pool struct{ beginner }

func newPool(ctx context.Context) (asker, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go postgres(c)
		}
	}()
	p, err := pgxpool.New(ctx, "postgres://app@"+l.Addr().String()+"/shop?sslmode=disable&default_query_exec_mode=simple_protocol")
	if err != nil {
		return nil, nil, err
	}
	return pool{p}, func() { p.Close(); l.Close() }, nil
}

func (p pool) ask(ctx context.Context, question string) (answer string, err error) {
	err = pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT what FROM wishes WHERE what = $1 AND by <> 'secret'", question).Scan(&answer)
	})
	return answer, err
}

// postgres is a server that knows one row.
func postgres(c net.Conn) {
	defer c.Close()
	b := pgproto3.NewBackend(c, c)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	b.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	status := byte('I')
	for {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		if b.Flush() != nil {
			return
		}
		m, err := b.Receive()
		q, ok := m.(*pgproto3.Query)
		if err != nil || !ok {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(q.String)), " ")
		switch verb {
		case "BEGIN":
			status = 'T'
		case "COMMIT":
			status = 'I'
		default:
			b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("what"), DataTypeOID: 25}}})
			b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("a secret")}})
			verb += " 1"
		}
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte(verb)})
	}
}
