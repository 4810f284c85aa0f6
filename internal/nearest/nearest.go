// Package nearest finds what a user probably meant to write.
package nearest

import "slices"

// Name returns the candidate that takes the fewest typing mistakes to turn
// into word, and "" when none is near enough to be worth a suggestion.
func Name(word string, candidates []string) string {
	best, least := "", max(2, len(word)/3+1)
	for _, c := range candidates {
		if d := Distance(word, c); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// Fix returns "did you mean X?", or what is known when nothing is near.
func Fix(word string, candidates []string) string {
	if name := Name(word, candidates); name != "" {
		return "did you mean " + name + "?"
	}
	known := slices.Sorted(slices.Values(candidates))
	text := ""
	for i, name := range known {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	if text == "" {
		return ""
	}
	return "known: " + text
}

// Distance counts the letters to insert, drop, replace or swap with their
// neighbour.
func Distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
