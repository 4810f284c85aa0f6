package customers

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T) *Repository {
	t.Helper()
	repo, err := Open(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}

func TestFind(t *testing.T) {
	repo := open(t)
	got, err := repo.Find(t.Context(), "cus_acme")
	want := Customer{"cus_acme", "Acme Freight", "enterprise", Profile{"logistics", "Ada Marsh"}}
	if err != nil || got != want {
		t.Errorf("Find = %+v, %v; want %+v", got, err, want)
	}
	if _, err := repo.Find(t.Context(), "cus_nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error for an unknown customer = %v, want ErrNotFound", err)
	}
	if _, err := repo.Find(t.Context(), "cus_legacy"); err == nil || !strings.Contains(err.Error(), "decode profile") {
		t.Errorf("error for a cut-off profile = %v, want a decoding error", err)
	}
}

func TestOrders(t *testing.T) {
	orders, err := open(t).Orders(t.Context(), "cus_acme")
	if err != nil || len(orders) != 3 || orders[2] != (Order{Cents: 45000}) {
		t.Errorf("Orders = %+v, %v; want three, the last unpaid", orders, err)
	}
}

func TestRecordSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "platform.db")
	run := Run{ExecutionID: "run_1", Finished: time.Unix(0, 0)}
	first, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Record(t.Context(), run), first.Close()); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n, err := second.Runs(t.Context()); n != 1 || err != nil {
		t.Errorf("Runs = %d, %v; want 1", n, err)
	}
	if err := second.Record(t.Context(), run); err == nil {
		t.Error("the same execution was recorded twice")
	}
}
