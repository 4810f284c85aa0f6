// Package genkit holds the test that genkit, which traces itself, does so with
// the provider that the bootstrap installs. Woven code calls nothing here.
package genkit
