//go:build !race

package audittest

const raceDetector = false
