//go:build !linux

package main

// runLimited has work on Linux alone.
func runLimited() {}
