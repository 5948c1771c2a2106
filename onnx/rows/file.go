package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// DefaultLimit bounds the memory that reading takes where the caller gives no limit: 2 GiB.
const DefaultLimit = int64(2) << 30

// WriteFile writes a file that appears under its path whole or not at all: write fills a temporary file beside it, which
// is brought to the disk and renamed. Where write or anything else fails, the temporary file is removed and what was at
// path before is still there. A link is followed; what is there and no regular file is not replaced.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("write %s: what is there is not a regular file", path)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// createBeside makes a new file in path's folder, with the permissions that path itself would get.
func createBeside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for i := 0; i < 10_000; i++ {
		name := filepath.Join(dir, fmt.Sprintf(".%s.part%d", base, i))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		return f, nil
	}
	return nil, fmt.Errorf("write %s: 10000 unfinished files are beside it; remove .%s.part*", path, base)
}

// Open opens a regular file for reading and gives its size. Anything else is refused: a pipe or a device could keep the
// reader waiting for ever.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}
