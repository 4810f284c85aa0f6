package dbsql

import (
	"cmp"
	"database/sql/driver"
	"reflect"
	"strings"

	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// packages tell the database by where its driver's types are declared.
var packages = []struct{ prefix, system string }{
	{"github.com/jackc/pgx/", "postgresql"},
	{"github.com/lib/pq", "postgresql"},
	{"github.com/uptrace/bun/driver/pgdriver", "postgresql"},
	{"github.com/go-sql-driver/mysql", "mysql"},
	{"modernc.org/sqlite", "sqlite"},
	{"github.com/mattn/go-sqlite3", "sqlite"},
	{"github.com/ncruces/go-sqlite3", "sqlite"},
	{"github.com/glebarez/go-sqlite", "sqlite"},
	{"github.com/tailscale/sqlite", "sqlite"},
	{"github.com/tursodatabase/", "sqlite"},
	{"github.com/microsoft/go-mssqldb", "microsoft.sql_server"},
	{"github.com/denisenkom/go-mssqldb", "microsoft.sql_server"},
	{"github.com/sijms/go-ora/", "oracle.db"},
	{"github.com/godror/godror", "oracle.db"},
	{"github.com/ClickHouse/clickhouse-go", "clickhouse"},
	{"github.com/googleapis/go-sql-spanner", "gcp.spanner"},
	{"github.com/snowflakedb/gosnowflake", "snowflake"},
	{"github.com/databricks/databricks-sql-go", "databricks"},
	{"github.com/trinodb/trino-go-client", "trino"},
	{"github.com/duckdb/duckdb-go", "duckdb"},
	{"github.com/marcboeker/go-duckdb", "duckdb"},
	{"github.com/nakagami/firebirdsql", "firebirdsql"},
	{"github.com/SAP/go-hdb", "sap.hana"},
	{"github.com/ibmdb/go_ibm_db", "ibm.db2"},
}

// names tell the database by the name of a driver whose package does not.
var names = map[string]string{
	"postgres": "postgresql", "postgresql": "postgresql", "pgx": "postgresql", "mysql": "mysql", "mariadb": "mariadb",
	"sqlite": "sqlite", "sqlite3": "sqlite", "sqlserver": "microsoft.sql_server", "mssql": "microsoft.sql_server",
	"oracle": "oracle.db", "clickhouse": "clickhouse", "spanner": "gcp.spanner", "snowflake": "snowflake",
	"databricks": "databricks", "trino": "trino", "duckdb": "duckdb",
}

// byHand are packages that instrument a driver themselves; a program that has
// chosen one gets its spans once.
var byHand = []string{
	"github.com/XSAM/otelsql", "github.com/uptrace/opentelemetry-go-extra/otelsql", "go.nhat.io/otelsql",
	"github.com/signalfx/splunk-otel-go/", "github.com/DataDog/", "gopkg.in/DataDog/", "go.elastic.co/apm/",
	"contrib.go.opencensus.io/integrations/ocsql", "github.com/luna-duclos/instrumentedsql",
}

func newSource(driverName, dsn string, c driver.Connector) *database.Source {
	system := systemOf(driverName, c)
	p := parseDSN(system, dsn)
	if p == (place{}) {
		p = placeOf(c)
	}
	return database.NewSource(system, p.namespace, p.host, p.port)
}

func systemOf(driverName string, c driver.Connector) string {
	for _, x := range []any{driverOf(c), c} {
		path := packageOf(x)
		for _, p := range packages {
			if within(path, p.prefix) {
				return p.system
			}
		}
	}
	return cmp.Or(names[driverName], "other_sql")
}

func instrumented(x any) bool {
	path := packageOf(x)
	for _, p := range byHand {
		if within(path, p) {
			return true
		}
	}
	return false
}

// within is true for the package, those below it, and its other versions.
func within(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(prefix, "/"))
}

func packageOf(x any) string {
	t := reflect.TypeOf(x)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	return t.PkgPath()
}
