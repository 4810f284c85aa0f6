package dbsql

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// place is what a data source name says of where the database is. Nothing else
// of the name is ever kept: most hold a password.
type place struct {
	host      string
	port      int
	namespace string
}

// parseDSN never fails; what it cannot read stays empty.
func parseDSN(system, dsn string) (p place) {
	defer func() {
		if recover() != nil {
			p = place{}
		}
	}()
	switch {
	case dsn == "":
		return place{}
	case system == "sqlite", system == "duckdb":
		return filePlace(dsn)
	case strings.Contains(dsn, "://"):
		return urlPlace(dsn)
	case system == "mysql", system == "mariadb":
		return mysqlPlace(dsn)
	case system == "postgresql":
		return wordsPlace(dsn, ' ')
	case system == "microsoft.sql_server":
		return wordsPlace(dsn, ';')
	}
	return place{}
}

// filePlace takes the last part of file:dir/app.db?cache=shared.
func filePlace(dsn string) place {
	dsn, _, _ = strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if strings.Contains(dsn, "://") { // a remote one
		return urlPlace(dsn)
	}
	if dsn == "" {
		return place{}
	}
	return clean(place{namespace: filepath.Base(dsn)})
}

// urlPlace takes the address and the path of a URL, and what parameters say of
// them.
func urlPlace(dsn string) place {
	u, err := url.Parse(dsn)
	if err != nil {
		return place{}
	}
	q := u.Query()
	p := place{host: u.Hostname(), namespace: strings.Trim(u.Path, "/")}
	p.port, _ = strconv.Atoi(u.Port())
	p.namespace = cmp.Or(q.Get("database"), q.Get("dbname"), p.namespace)
	p.host = cmp.Or(p.host, q.Get("host"))
	return clean(p)
}

// mysqlPlace reads user:password@net(address)/name?parameters, in which the
// password may hold any of the marks: as for the driver, the last slash and the
// last @ before it count.
func mysqlPlace(dsn string) (p place) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return place{}
	}
	p.namespace, _, _ = strings.Cut(dsn[slash+1:], "?")
	head := dsn[strings.LastIndexByte(dsn[:slash], '@')+1 : slash]
	network, address, ok := strings.Cut(head, "(")
	if ok {
		p.host, p.port = split(strings.TrimSuffix(address, ")"))
	} else if network != "" {
		return clean(place{namespace: p.namespace})
	}
	return clean(p)
}

// wordsPlace reads host=… port=… dbname=…, or Server=…;Database=…
func wordsPlace(dsn string, separator byte) (p place) {
	for dsn != "" {
		var key, text string
		key, dsn, _ = strings.Cut(strings.TrimLeft(dsn, " \t\n;"), "=")
		text, dsn = wordValue(strings.TrimLeft(dsn, " \t\n"), separator)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "host":
			p.host = text
		case "port":
			p.port, _ = strconv.Atoi(text)
		case "dbname", "database", "initial catalog":
			p.namespace = text
		case "server", "data source", "addr", "address":
			host, port, found := strings.Cut(strings.TrimPrefix(text, "tcp:"), ",")
			p.host, _, _ = strings.Cut(host, `\`)
			if found {
				p.port, _ = strconv.Atoi(strings.TrimSpace(port))
			}
		}
	}
	return clean(p)
}

// wordValue reads one value, which may be quoted, up to the separator.
func wordValue(s string, separator byte) (text, rest string) {
	if !strings.HasPrefix(s, "'") {
		end := strings.IndexFunc(s, func(r rune) bool {
			return r == rune(separator) || separator == ' ' && (r == '\t' || r == '\n')
		})
		if end < 0 {
			return strings.TrimSpace(s), ""
		}
		return strings.TrimSpace(s[:end]), s[end+1:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '\'':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func split(address string) (host string, port int) {
	if strings.HasPrefix(address, "/") { // a socket
		return address, 0
	}
	h, p, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	port, _ = strconv.Atoi(p)
	return h, port
}

// clean leaves out what does not look like the name of anything: a data source
// name that was misread may show a password.
func clean(p place) place {
	if strings.ContainsAny(p.host, "@?=& \t\n") || len(p.host) > 255 {
		p.host, p.port = "", 0
	}
	p.host, _, _ = strings.Cut(p.host, ",") // the first of several
	if strings.ContainsAny(p.namespace, "@?=&\n") || len(p.namespace) > 255 {
		p.namespace = ""
	}
	if p.port < 0 || p.port > 65535 {
		p.port = 0
	}
	return p
}

// placeOf looks for the fields that drivers' configurations have, in the
// connector and in the structs that it holds. No other field is read.
func placeOf(c any) (p place) {
	defer func() {
		if recover() != nil {
			p = place{}
		}
	}()
	lookAround(reflect.ValueOf(c), 3, &p)
	return clean(p)
}

func lookAround(v reflect.Value, depth int, p *place) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	word := func(names ...string) string {
		for _, n := range names {
			if f := v.FieldByName(n); f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
				return f.String()
			}
		}
		return ""
	}
	p.namespace = cmp.Or(p.namespace, word("Database", "DBName"))
	p.host = cmp.Or(p.host, word("Host"))
	if f := v.FieldByName("Port"); f.IsValid() && p.port == 0 {
		switch {
		case f.CanInt():
			p.port = int(f.Int())
		case f.CanUint():
			p.port = int(f.Uint())
		}
	}
	if address := word("Addr"); p.host == "" && address != "" {
		p.host, p.port = split(address)
	}
	for i := 0; i < v.NumField() && depth > 0 && p.host == ""; i++ {
		lookAround(v.Field(i), depth-1, p)
	}
}
