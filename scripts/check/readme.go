package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// testCommand is the README's command for the tests. The step test runs it.
const testCommand = "go test ./..."

// block is a fenced block of commands.
type block struct {
	line int // of its first command
	text string
}

// shellBlocks gives the blocks of a page that are marked sh and nothing else.
func shellBlocks(page string) ([]block, error) {
	var blocks []block
	open := false // in any block
	var current *block
	n := 0
	for line := range strings.Lines(page) {
		n++
		mark, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && !open:
			open = true
			if strings.TrimSpace(mark) == "sh" {
				current = &block{line: n + 1}
			}
		case fence:
			open = false
			if current != nil {
				blocks = append(blocks, *current)
				current = nil
			}
		case current != nil:
			current.text += line
		}
	}
	if open {
		return nil, errors.New("README.md: the last block has no end")
	}
	return blocks, nil
}

// readme runs the README's blocks marked sh in their order, as a newcomer would: in a fresh copy of the repository, each
// block in one shell that stops at the first command that fails, programs that it installs on the path.
func readme(ctx context.Context, t *tree) (string, error) {
	page, err := os.ReadFile(t.path("README.md"))
	if err != nil {
		return "", err
	}
	blocks, err := shellBlocks(string(page))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(page), "\n"+testCommand+"\n") {
		return "", fmt.Errorf("README.md: no line %q says how to run the tests", testCommand)
	}
	dir, err := os.MkdirTemp("", "gonyx-readme")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	checkout, bin := filepath.Join(dir, "gonyx"), filepath.Join(dir, "bin")
	if err := t.copyTo(checkout, func(string) bool { return true }); err != nil {
		return "", err
	}
	env := []string{"GOBIN=" + bin, "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	ran := 0
	for _, b := range blocks {
		commands := strings.TrimSpace(strings.ReplaceAll("\n"+b.text, "\n"+testCommand+"\n", "\n"))
		if commands == "" {
			continue
		}
		ran++
		fmt.Fprintf(t.out, "README.md:%d:\n%s\n", b.line, commands)
		cmd := t.command(ctx, env, "bash", "-euo", "pipefail", "-c", commands)
		cmd.Dir = checkout
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("README.md:%d: %w", b.line, err)
		}
	}
	if ran == 0 {
		return "", errors.New("README.md: no block marked sh")
	}
	return fmt.Sprintf("%d blocks", ran), nil
}
