package tools

import (
	"context"
	"errors"
	"testing"

	"example.com/platform/customers"
)

type fixed struct {
	customer customers.Customer
	orders   []customers.Order
	err      error
}

func (f fixed) Find(context.Context, string) (customers.Customer, error)  { return f.customer, f.err }
func (f fixed) Orders(context.Context, string) ([]customers.Order, error) { return f.orders, f.err }

func TestLookup(t *testing.T) {
	tool := &Lookup{DB: fixed{customer: customers.Customer{
		Name: "Acme", Plan: "pro", Profile: customers.Profile{Segment: "retail", Contact: "Ada"},
	}}}
	fact, err := tool.Call(t.Context(), "cus_1")
	want := Fact{"customer.lookup", "Acme is a retail customer on the pro plan; contact Ada"}
	if err != nil || fact != want {
		t.Errorf("Call = %+v, %v; want %+v", fact, err, want)
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	db := fixed{err: customers.ErrNotFound}
	for _, tool := range []Tool{&Lookup{DB: db}, &Risk{DB: db}} {
		if _, err := tool.Call(t.Context(), "cus_1"); !errors.Is(err, customers.ErrNotFound) {
			t.Errorf("%s: error = %v, want one that wraps ErrNotFound", tool.Name(), err)
		}
	}
}

func TestScore(t *testing.T) {
	paid, unpaid := customers.Order{Cents: 100, Paid: true}, customers.Order{Cents: 90}
	for _, test := range []struct {
		orders []customers.Order
		want   level
	}{
		{nil, "unknown"},
		{[]customers.Order{paid}, "low"},
		{[]customers.Order{paid, unpaid}, "medium"},
		{[]customers.Order{paid, unpaid, unpaid}, "high"},
	} {
		if got := score(test.orders); got != test.want {
			t.Errorf("score(%v) = %s, want %s", test.orders, got, test.want)
		}
	}
}
