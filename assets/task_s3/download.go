package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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
		target = filepath.Join(target, base(key))
	}
	transfers.downloadFile(bucket, key, target)
	return transfers.end()
}

// downloadFolder downloads all below a prefix while it is still being listed.
func downloadFolder(ctx context.Context, transfers *transfers, bucket *bucket, command command) error {
	// There afterwards even if nothing is below the prefix.
	if err := os.MkdirAll(command.target.text, 0o777); err != nil {
		return err
	}
	prefix := command.source.key
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return bucket.pages(ctx, prefix, "", func(read page) error {
		for _, object := range read.objects {
			key, class := *object.Key, object.StorageClass
			name := strings.TrimPrefix(key, prefix)
			switch {
			case strings.HasSuffix(key, "/") && aws.ToInt64(object.Size) == 0:
				// What the console and Nextflow make so that a folder can be seen.
			case strings.HasPrefix(filepath.Clean(name), "../"):
				transfers.warn("Skipping file s3://%s/%s. File references a parent directory.", bucket.name, key)
			case isArchived(class) && !command.thawed:
				transfers.warn(archived, bucket.name, key, class, class)
			default:
				transfers.downloadFile(bucket, key, filepath.Join(command.target.text, name))
			}
		}
		return ctx.Err()
	})
}

func isArchived(class types.ObjectStorageClass) bool {
	return class == types.ObjectStorageClassGlacier || class == types.ObjectStorageClassDeepArchive
}

func (transfers *transfers) downloadFile(bucket *bucket, key, path string) {
	transfers.start(func(ctx context.Context) {
		err := bucket.file(ctx, key, path)
		var refusal smithy.APIError
		switch {
		case errors.As(err, &refusal) && refusal.ErrorCode() == "InvalidObjectState":
			transfers.warn(archived, bucket.name, key, "GLACIER", "GLACIER")
		case err != nil:
			transfers.report("download failed: s3://%s/%s to %s %s", bucket.name, key, path, words(err))
		}
	}, func() {})
}

// file downloads an object. The file is there whole, under its name, or not at all.
func (bucket *bucket) file(ctx context.Context, key, path string) error {
	found, err := bucket.get(ctx, key)
	if err != nil {
		return err
	}
	defer found.Close()
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
	part, err := openPart(path)
	if err != nil {
		return err
	}
	err = errors.Join(found.save(ctx, part), part.Close())
	if err == nil && !found.changed.IsZero() {
		err = os.Chtimes(part.Name(), found.changed, found.changed)
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}

// openPart opens a new file beside the one that is to be, under a name that fits whatever the
// length of that one's.
func openPart(path string) (*os.File, error) {
	for try := 0; ; try++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".aws-%d-%d.part", os.Getpid(), unique.Add(1)))
		part, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) || try == 100 {
			return part, err
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
	for from := int64(0); from < found.size; from += partSize {
		part := found.piece(from, min(from+partSize, found.size))
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
