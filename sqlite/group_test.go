//go:build cgo

package sqlite
