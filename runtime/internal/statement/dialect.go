package statement

// dialect is what a lexer must know of a database's SQL to find the end of a
// literal. Where the database is not known, whatever two databases read
// differently ends the statement as far as telemetry is concerned.
type dialect struct {
	unknown       bool
	backslash     bool // escapes in '…'
	mayBackslash  bool // depends on a setting of the server, or on a prefix
	doubleIsName  bool // "…" is a name, never a text
	backtick      bool // `…` is a name
	bracket       bool // […] is a name
	hash          bool // # begins a comment
	hashInName    bool
	nested        bool // comments nest
	dashSpace     bool // -- begins a comment only before white space
	slashes       bool // // begins a comment
	carriage      bool // a carriage return alone ends a comment
	executable    bool // /*! … */ is no comment
	dollarQuote   bool // $tag$ … $tag$
	money         bool // $5 is a number
	numberedColon bool // :1 is a placeholder
	numberedMark  bool // ?1 is a placeholder
	escapeString  bool // E'…' has backslash escapes
	quoteQ        bool // q'[…]'
	triple        bool // '''…'''
}

var dialects = map[string]dialect{
	"postgresql": {
		mayBackslash: true, doubleIsName: true, nested: true, carriage: true,
		dollarQuote: true, escapeString: true,
	},
	"mysql": {
		backslash: true, mayBackslash: true, backtick: true, hash: true, dashSpace: true, executable: true, dollarQuote: true,
	},
	"sqlite":               {backtick: true, bracket: true, numberedColon: true, numberedMark: true},
	"microsoft.sql_server": {doubleIsName: true, bracket: true, nested: true, money: true, hashInName: true},
	"oracle.db":            {doubleIsName: true, hashInName: true, numberedColon: true, quoteQ: true},
	"clickhouse":           {backslash: true, backtick: true, nested: true, dollarQuote: true},
	"gcp.spanner":          {backslash: true, backtick: true, hash: true, triple: true},
	"snowflake":            {backslash: true, doubleIsName: true, slashes: true, dollarQuote: true},
	"databricks":           {backslash: true, backtick: true, nested: true},
	"duckdb": {
		mayBackslash: true, doubleIsName: true, nested: true, carriage: true,
		dollarQuote: true, escapeString: true,
	},
	"trino": {doubleIsName: true},
}

func dialectOf(system string) dialect {
	switch system {
	case "mariadb":
		system = "mysql"
	case "cockroachdb", "aws.redshift":
		system = "postgresql"
	}
	if d, ok := dialects[system]; ok {
		return d
	}
	return dialect{unknown: true, mayBackslash: true, backtick: true, nested: true, dollarQuote: true, escapeString: true}
}
