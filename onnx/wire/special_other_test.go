//go:build !unix

package wire_test

import "testing"

// specialFiles gives no cases where pipes, devices and links are not to be had by every user.
func specialFiles(*testing.T, string, string) map[string]struct {
	model []byte
	want  string
} {
	return nil
}
