package nethttp

import (
	"net/url"
	"strings"
)

const masked = "REDACTED"

// shown is the URL as a span may hold it: without credentials, and without the
// values of parameters that are secrets.
func shown(u *url.URL) string {
	clean := *u
	if clean.User != nil {
		clean.User = url.UserPassword(masked, masked)
	}
	clean.RawQuery = shownQuery(clean.RawQuery)
	clean.Fragment, clean.RawFragment = "", ""
	return clean.String()
}

// shownQuery keeps the text of the query but for the values of secrets.
func shownQuery(query string) string {
	if query == "" {
		return ""
	}
	var b strings.Builder
	for i, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		if i > 0 {
			b.WriteByte('&')
		}
		key, value, given := strings.Cut(pair, "=")
		b.WriteString(key)
		if !given {
			continue
		}
		b.WriteByte('=')
		if secret(key) {
			value = masked
		}
		b.WriteString(value)
	}
	return b.String()
}

// secretParts are found in the names of parameters that open something:
// access_token, X-Amz-Signature, api-key, client_secret.
var secretParts = []string{
	"token", "secret", "passw", "pwd", "auth", "credential", "signature", "session", "apikey", "accesskey",
	"privatekey", "accesskeyid", "assertion", "jwt", "cookie",
}

// secretNames are such parameters by their whole name.
var secretNames = map[string]bool{"key": true, "sig": true, "code": true, "state": true, "pass": true, "sid": true, "pin": true, "otp": true}

// secret reports whether the value of a parameter is not for everybody who may
// read traces. A name that cannot be read might be one.
func secret(key string) bool {
	name, err := url.QueryUnescape(key)
	if err != nil {
		return true
	}
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	if secretNames[name] {
		return true
	}
	for _, part := range secretParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
