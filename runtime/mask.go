package orchestrall

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
)

// Words that mark a key as sensitive, as a whole segment of it. A plural is
// another word: llm.tokens counts, it does not open anything.
var sensitiveWords = map[string]bool{
	"password": true, "passwd": true, "token": true, "secret": true,
	"authorization": true, "apikey": true, "cookie": true, "credential": true,
}

// Sensitive reports whether values under this key are always masked:
// auth.token, dbPassword, API_KEY.
func Sensitive(key string) bool { return sensitive(key) }

func sensitive(key string) bool { return suspicious(key) && hasSensitiveWord(key) }

// suspicious tells most keys apart from those that hold a sensitive word, by the
// first three letters of one.
func suspicious(key string) bool {
	for i := 2; i < len(key); i++ {
		switch uint32(key[i-2]|' ')<<16 | uint32(key[i-1]|' ')<<8 | uint32(key[i]|' ') {
		case 'p'<<16 | 'a'<<8 | 's', 't'<<16 | 'o'<<8 | 'k', 's'<<16 | 'e'<<8 | 'c', 'a'<<16 | 'u'<<8 | 't',
			'a'<<16 | 'p'<<8 | 'i', 'c'<<16 | 'o'<<8 | 'o', 'c'<<16 | 'r'<<8 | 'e':
			return true
		}
	}
	return false
}

func hasSensitiveWord(key string) bool {
	last := ""
	for word := range segments(key) {
		if sensitiveWords[word] || last == "api" && word == "key" {
			return true
		}
		last = word
	}
	return false
}

// segments yields the lower-cased words of a key: "http.authHeader-X" → http,
// auth, header, x. A run of capitals is one word, its last letter belongs to
// the next: "HTTPToken" → http, token.
func segments(key string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		runes := []rune(key)
		start := 0
		for i := 0; i <= len(runes); i++ {
			cut, skip := i == len(runes), 0
			if !cut {
				switch r := runes[i]; {
				case r == '.', r == '_', r == '-', r == '/', r == ':', r == ' ':
					cut, skip = true, 1
				case i > start && unicode.IsUpper(r):
					before := runes[i-1]
					cut = !unicode.IsUpper(before) || i+1 < len(runes) && unicode.IsLower(runes[i+1])
				}
			}
			if !cut {
				continue
			}
			if i > start && !yield(strings.ToLower(string(runes[start:i]))) {
				return
			}
			start = i + skip
		}
	}
}

// hashed is short: it tells two values apart and joins lines about the same
// one, it is no proof of anything.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
