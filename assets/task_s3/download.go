package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

const archived = "Skipping file s3://%s/%s. Object is of storage class %s. Unable to perform download" +
	" operations on %s objects. You must restore the object to be able to perform the operation."

// download does `s3 cp s3://… -`, `s3 cp s3://… FILE` and `s3 cp --recursive s3://… FOLDER`.
func download(ctx context.Context, bucket *bucket, command command) int {
	key, target := command.source.key, command.target.text
	if command.target.stream() {
		if err := bucket.stream(ctx, key, os.Stdout); err != nil {
			complain("download failed: %s to - %s", command.source.text, words(err))
			return failed
		}
		return done
	}
	transfers := newTransfers(ctx)
	if command.recursive {
		if err := downloadFolder(ctx, transfers, bucket, command); err != nil {
			transfers.report("fatal error: %s", words(err))
		}
		return transfers.end()
	}
	if status, err := os.Stat(target); strings.HasSuffix(target, "/") || err == nil && status.IsDir() {
		name := base(key)
		if name == "" || name == "." || name == ".." {
			transfers.report("download failed: %s to %s %s", command.source.text, target, errFolder)
			return transfers.end()
		}
		target = filepath.Join(target, name)
	}
	transfers.downloadFile(bucket, key, target, func(ctx context.Context, found *content) error {
		return found.saveAs(ctx, target)
	})
	return transfers.end()
}

func isArchived(class types.ObjectStorageClass) bool {
	return class == types.ObjectStorageClassGlacier || class == types.ObjectStorageClassDeepArchive
}

func (transfers *transfers) downloadFile(
	bucket *bucket, key, path string, save func(context.Context, *content) error,
) {
	transfers.start(func(ctx context.Context) {
		found, err := bucket.get(ctx, key)
		if err == nil {
			err = save(ctx, found)
			found.Close()
		}
		var refusal smithy.APIError
		switch {
		case errors.As(err, &refusal) && refusal.ErrorCode() == "InvalidObjectState":
			transfers.warn(archived, bucket.name, key, "GLACIER", "GLACIER")
		case err != nil:
			transfers.report("download failed: s3://%s/%s to %s %s", bucket.name, key, path, words(err))
		}
	}, func() {})
}

// saveAs saves an object under a path that somebody chose.
func (found *content) saveAs(ctx context.Context, path string) error {
	// A device or a pipe cannot be replaced by a file.
	if status, err := os.Stat(path); err == nil && !status.Mode().IsRegular() && !status.IsDir() {
		device, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(found.copyTo(ctx, device), device.Close())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	return found.saveIn(ctx, root, filepath.Base(path))
}

// saveIn saves an object below a folder. The file is there whole, under its name, or not at all.
func (found *content) saveIn(ctx context.Context, root *os.Root, name string) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	part, hidden, err := openPart(root, filepath.Dir(name))
	if err != nil {
		return err
	}
	err = errors.Join(found.save(ctx, part), part.Close())
	if err == nil && !found.changed.IsZero() {
		err = root.Chtimes(hidden, found.changed, found.changed)
	}
	if err == nil {
		err = root.Rename(hidden, name)
	}
	if err != nil {
		root.Remove(hidden)
	}
	return err
}

// openPart opens a new file beside the one that is to be, under a name that fits whatever the
// length of that one's.
func openPart(root *os.Root, folder string) (*os.File, string, error) {
	for try := 0; ; try++ {
		name := filepath.Join(folder, fmt.Sprintf(".aws-%d-%d.part", os.Getpid(), unique.Add(1)))
		part, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) || try == 100 {
			return part, name, err
		}
	}
}

// save writes the whole object into a file, large ones from several connections.
func (found *content) save(ctx context.Context, file *os.File) error {
	if found.size <= threshold {
		return found.copyTo(ctx, file)
	}
	bucket := found.bucket
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	step := sizeOfRange(found.size)
	for from := int64(0); from < found.size; from += step {
		part := found.piece(from, min(from+step, found.size))
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer part.Close()
			return bucket.inTurn(ctx, func() error { return part.copyTo(ctx, io.NewOffsetWriter(file, from)) })
		})
	}
	return group.Wait()
}
