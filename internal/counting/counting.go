// Package counting is what package query and the stores have in common where they count
// events by key.
package counting

import (
	"encoding/binary"
	"strconv"
)

// Weight is how many events one with that sample rate stands for, which is JSON: 1/rate
// if it is a number in (0, 1], else one. sampled says that it is.
func Weight(rate string) (weight float64, sampled bool) {
	if rate == "" || rate[0] != '-' && (rate[0] < '0' || rate[0] > '9') { // no number
		return 1, false
	}
	value, _ := strconv.ParseFloat(rate, 64) // out of range: no rate
	if value > 0 && value <= 1 {
		return 1 / value, true
	}
	return 1, false
}

// AppendKey appends values so that different ones make a different key.
func AppendKey(key []byte, values []string) []byte {
	for _, value := range values {
		key = binary.AppendUvarint(key, uint64(len(value)))
		key = append(key, value...)
	}
	return key
}
