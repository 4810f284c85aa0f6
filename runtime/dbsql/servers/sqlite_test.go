package servers

import (
	"path/filepath"
	"reflect"
	"testing"

	_ "modernc.org/sqlite"
)

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }

func TestSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	exercise(t, database{
		driver: "sqlite", dsn: "file:" + file + "?_pragma=busy_timeout(5000)",
		system: "sqlite", namespace: "app.db", mark: "?",
		endless: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
		missing: "",
	})
}
