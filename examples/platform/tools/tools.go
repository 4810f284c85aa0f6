// Package tools holds what an agent may do besides talking: each tool reads
// something about a customer and answers with a fact for the model.
package tools

import (
	"context"
	"fmt"

	"example.com/platform/customers"
)

// A Tool answers one kind of question about a customer.
type Tool interface {
	Name() string
	Call(ctx context.Context, customerID string) (Fact, error)
}

// A Fact is what a tool found out, in words for the model.
type Fact struct {
	Tool, Text string
}

// Database is what the tools need from the customer database.
type Database interface {
	Find(ctx context.Context, id string) (customers.Customer, error)
	Orders(ctx context.Context, id string) ([]customers.Order, error)
}

// Lookup finds out who a customer is.
type Lookup struct {
	DB Database
}

// Name returns the name by which agents ask for the tool.
func (*Lookup) Name() string { return "customer.lookup" }

// Call describes the customer.
//
//orchestrall:trace kind=tool name="tool {l.Name()}" attr.customer.id=customerID attr.tool.fact=fact.Text|max=80
func (l *Lookup) Call(ctx context.Context, customerID string) (fact Fact, err error) {
	c, err := l.DB.Find(ctx, customerID)
	if err != nil {
		return Fact{}, fmt.Errorf("look up %s: %w", customerID, err)
	}
	return Fact{l.Name(), fmt.Sprintf("%s is a %s customer on the %s plan; contact %s",
		c.Name, c.Profile.Segment, c.Plan, c.Profile.Contact)}, nil
}

// Risk judges from the open orders how likely a customer is to leave.
type Risk struct {
	DB Database
}

// Name returns the name by which agents ask for the tool.
func (*Risk) Name() string { return "risk.score" }

// Call tells the customer's risk level.
//
//orchestrall:trace kind=tool name="tool {r.Name()}" attr.customer.id=customerID
func (r *Risk) Call(ctx context.Context, customerID string) (Fact, error) {
	orders, err := r.DB.Orders(ctx, customerID)
	if err != nil {
		return Fact{}, fmt.Errorf("score %s: %w", customerID, err)
	}
	return Fact{r.Name(), "risk of leaving: " + string(score(orders))}, nil
}

type level string

// score puts the unpaid share of the turnover in one of three levels.
func score(orders []customers.Order) level {
	var total, unpaid int64
	for _, o := range orders {
		total += o.Cents
		if !o.Paid {
			unpaid += o.Cents
		}
	}
	switch {
	case total == 0:
		return "unknown"
	case unpaid*2 > total:
		return "high"
	case unpaid > 0:
		return "medium"
	default:
		return "low"
	}
}
