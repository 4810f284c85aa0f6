//go:build gc

// Lets the package have functions without a body.
