package statement

import "testing"

func TestOf(t *testing.T) {
	for _, test := range []struct{ system, query, text, summary, operation, collection string }{
		{"postgresql", "SELECT * FROM users WHERE id = $1 AND name = 'O''Brien' AND age > 4.2e-3", "SELECT * FROM users WHERE id = $1 AND name = ? AND age > ?", "SELECT users", "SELECT", "users"},
		{"postgresql", `select "id" from "app"."users" -- it's`, `select "id" from "app"."users"`, `SELECT "app"."users"`, "SELECT", `"app"."users"`},
		{"postgresql", `SELECT E'it\'s secret', U&'d\0061t', $$body's$$, $f$a $$ b$f$, x'ff', B'01'`, "SELECT ?, U&?, ?, ?, ?, ?", "SELECT", "SELECT", ""},
		{"postgresql", "SELECT 1 /* a /* nested 'x */ b */ + 2", "SELECT ? + ?", "SELECT", "SELECT", ""},
		{"postgresql", "SELECT ARRAY[1,2], x::int, a[2:3] FROM t", "SELECT ARRAY[?,?], x::int, a[?:?] FROM t", "SELECT t", "SELECT", "t"},
		{"postgresql", `SELECT 'C:\\' , a`, "SELECT ? , a", "SELECT", "SELECT", ""},
		{"postgresql", `SELECT 'C:\' , 'secret'`, "SELECT ? …", "SELECT", "SELECT", ""},
		{"postgresql", "WITH old AS (DELETE FROM a WHERE x = 1 RETURNING *) INSERT INTO b SELECT * FROM old", "WITH old AS (DELETE FROM a WHERE x = ? RETURNING *) INSERT INTO b SELECT * FROM old", "DELETE a INSERT b SELECT old", "INSERT", ""},
		{"postgresql", "SELECT EXTRACT(YEAR FROM at) FROM t WHERE a IS DISTINCT FROM 5 FOR UPDATE", "SELECT EXTRACT(YEAR FROM at) FROM t WHERE a IS DISTINCT FROM ? FOR UPDATE", "SELECT t", "SELECT", "t"},
		{"postgresql", "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, 'x') ON CONFLICT (a) DO UPDATE SET b = 7", "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = ?", "INSERT t", "INSERT", "t"},
		{"postgresql", "SELECT a FROM t, u JOIN v ON true WHERE b IN ($1,$2, $3) ORDER BY a, b", "SELECT a FROM t, u JOIN v ON true WHERE b IN (?) ORDER BY a, b", "SELECT t u v", "SELECT", ""},
		{"postgresql", "COPY t (a) FROM STDIN", "COPY t (a) FROM STDIN", "COPY t", "COPY", "t"},
		{"mysql", "SELECT `name` FROM `users` WHERE a = \"it\"\"s\\\\\" AND b = 'it''s\\n' # rest 'x\n AND c = 0xFF AND d = 5--3", "SELECT `name` FROM `users` WHERE a = ? AND b = ? AND c = ? AND d = ?--?", "SELECT `users`", "SELECT", "`users`"},
		{"mysql", `SELECT 'C:\\', 'it\'s', secret`, "SELECT ?, ? …", "SELECT", "SELECT", ""},
		{"mysql", `SELECT "C:\", 'secret'`, "SELECT ? …", "SELECT", "SELECT", ""},
		{"mysql", "/*!40101 SET NAMES 'a*/b' */; SELECT _utf8'x'", "SET NAMES ? ; SELECT _utf8?", "SET SELECT", "SET", ""},
		{"mysql", "INSERT INTO t VALUES (1,-2,'a') ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)", "INSERT INTO t VALUES (?,-?,?) ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)", "INSERT t", "INSERT", "t"},
		{"mysql", "UPDATE t SET a = 1 WHERE b NOT IN (1, -2, 'x', ?)", "UPDATE t SET a = ? WHERE b NOT IN (?)", "UPDATE t", "UPDATE", "t"},
		{"sqlite", `SELECT "a" FROM "t" WHERE [b c] = ?1 AND d = :x AND e = "bob" AND f = $y`, `SELECT ? FROM "t" WHERE [b c] = ?1 AND d = :x AND e = ? AND f = $y`, `SELECT "t"`, "SELECT", `"t"`},
		{"sqlite", "insert or replace into t values (1)", "insert or replace into t values (?)", "INSERT t", "INSERT", "t"},
		{"microsoft.sql_server", "SELECT TOP 5 [first name] FROM #tmp WHERE a = N'x' AND b = @p1 AND c = $12.5", "SELECT TOP ? [first name] FROM #tmp WHERE a = ? AND b = @p1 AND c = ?", "SELECT #tmp", "SELECT", "#tmp"},
		{"oracle.db", "SELECT q'[it's]', nq'!a'b!' FROM dual WHERE a = :1 AND b = :name", "SELECT ?, ? FROM dual WHERE a = :1 AND b = :name", "SELECT dual", "SELECT", "dual"},
		{"gcp.spanner", "SELECT '''it's''', \"\"\"a \"b\" c\"\"\" FROM t", "SELECT ?, ? FROM t", "SELECT t", "SELECT", "t"},
		{"other_sql", `SELECT 'a\', secret`, "SELECT ? …", "SELECT", "SELECT", ""},
		{"", "CREATE TABLE IF NOT EXISTS app.t (a int DEFAULT 5)", "CREATE TABLE IF NOT EXISTS app.t (a int DEFAULT ?)", "CREATE app.t", "CREATE", "app.t"},
		{"", "  ", "", "", "", ""},
		{"", "'unterminated", "? …", "", "", ""},
		{"", "frobnicate 5", "frobnicate ?", "", "", ""},
		{"", "(SELECT 1) UNION (SELECT 2)", "(SELECT ?) UNION (SELECT ?)", "SELECT SELECT", "SELECT", ""},
	} {
		got := Of(test.system, test.query)
		want := Statement{Operation: test.operation, Collection: test.collection, Summary: test.summary, Text: test.text}
		if got != want {
			t.Errorf("%s: %s\n got %+q\nwant %+q", test.system, test.query, got, want)
		}
	}
}
