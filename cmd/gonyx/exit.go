package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gonyx/gonyx/trainers"
)

// The exit codes.
const (
	exitFine        = 0
	exitDiffers     = 1   // something differs, a verification failed
	exitMisuse      = 2   // unknown flag or input name, contradicting options, output folder not empty
	exitUnusable    = 3   // model, data or output place cannot be used, or training became NaN
	exitSomeFailed  = 4   // finished, but some rows failed
	exitInterrupted = 130 // a state to resume from is left
)

// codeError is an error with an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// silentError ends a command whose output has said everything already.
type silentError struct{}

func (*silentError) Error() string { return "" }

// silently gives an exit code without a message.
func silently(code int) error { return &codeError{code, &silentError{}} }

func misuse(format string, args ...any) error {
	return &codeError{exitMisuse, fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	var code *codeError
	var wrong *trainers.MisuseError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &code):
		return code.code
	case errors.As(err, &wrong):
		return exitMisuse
	case errors.Is(err, trainers.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitUnusable
}
