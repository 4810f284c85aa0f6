//go:build race

package trouble

const raceDetector = true
