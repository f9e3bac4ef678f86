package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// cleanup is how long it may take to remove the parts of an upload that failed. A reclaimed Spot
// instance leaves its tasks two minutes at most.
const cleanup = 30 * time.Second

// unknownType is what S3 calls an object without a type; the SDK would send another name.
const unknownType = "binary/octet-stream"

// object is one object to be written.
type object struct {
	bucket      *bucket
	key         string
	contentType string
	options     map[string]string
}

// upload does `s3 cp - s3://…`, `s3 cp FILE s3://…` and `s3 cp --recursive FOLDER s3://…`.
func upload(ctx context.Context, bucket *bucket, command command) int {
	source, key := command.source.text, command.target.key
	made := object{bucket: bucket, key: key, contentType: unknownType, options: command.options}
	if command.source.stream() {
		if err := made.putStream(ctx, os.Stdin); err != nil {
			complain("upload failed: - to %s %s", command.target.text, words(err))
			return failed
		}
		return done
	}
	status, err := os.Stat(source)
	if errors.Is(err, os.ErrNotExist) {
		complain("The user-provided path %s does not exist.", source)
		return other
	}
	transfers := newTransfers(ctx)
	switch {
	case err != nil:
		transfers.skip(source, err)
	case command.recursive && !status.IsDir():
		transfers.skip(source+"/", os.ErrNotExist)
	case command.recursive:
		uploadFolder(transfers, made, source, status)
	case status.IsDir():
		transfers.report("upload failed: %s to %s %s", source, command.target.text, "Is a directory")
	default:
		if key == "" || strings.HasSuffix(key, "/") {
			made.key += filepath.Base(source)
		}
		transfers.uploadFile(made, source)
	}
	return transfers.end()
}

func (transfers *transfers) uploadFile(made object, path string) {
	file, err := openRegular(path)
	if err != nil {
		transfers.skip(path, err)
		return
	}
	made.contentType = cmp.Or(contentType(path), unknownType)
	transfers.upload(made, path, func(ctx context.Context) error {
		defer file.Close()
		return made.putFile(ctx, file)
	}, func() { file.Close() })
}

func (transfers *transfers) upload(made object, path string, put func(context.Context) error, drop func()) {
	transfers.start(func(ctx context.Context) {
		err := errNotUTF8
		// It would be sent, and S3 refuse it or another server take it for another name.
		if utf8.ValidString(made.key) {
			err = put(ctx)
		} else {
			drop()
		}
		if err != nil {
			transfers.report("upload failed: %s to s3://%s/%s %s", path, made.bucket.name, made.key, words(err))
		}
	}, drop)
}

var (
	errSpecial = errors.New("file is character special device, block special device, FIFO, or socket")
	errNotUTF8 = errors.New("the name is not UTF-8, which names in S3 must be")
	errShrunk  = errors.New("the file became shorter while it was uploaded")
)

// openRegular opens a file without ever waiting for the other end of a pipe.
func openRegular(path string) (*os.File, error) {
	status, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !status.Mode().IsRegular() {
		return nil, errSpecial
	}
	// Should it be a pipe by now, opening it would not return.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if status, err = file.Stat(); err == nil && !status.Mode().IsRegular() {
		err = errSpecial
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// steady is a file from which nothing may have been cut off since we looked at its size. What fails
// is given up at once: the SDK would take it for a connection that broke, and try again.
type steady struct {
	*os.File
	size int64
	fail context.CancelCauseFunc
}

func (file steady) ReadAt(into []byte, from int64) (int, error) {
	count, err := file.File.ReadAt(into, from)
	if err == io.EOF && from+int64(count) < file.size {
		err = errShrunk
	}
	if err != nil && err != io.EOF {
		file.fail(err)
	}
	return count, err
}

// putFile uploads as much of a file as there is now: Nextflow uploads logs that still grow.
func (made object) putFile(ctx context.Context, file *os.File) error {
	status, err := file.Stat()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	source := steady{file, status.Size(), cancel}
	if err := made.putSteady(ctx, source); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return nil
}

func (made object) putSteady(ctx context.Context, file steady) error {
	if file.size < threshold {
		return made.put(ctx, io.NewSectionReader(file, 0, file.size))
	}
	return made.inParts(ctx, func(_ context.Context, send sender) error {
		step := sizeOfParts(file.size)
		for from := int64(0); from < file.size; from += step {
			if err := send(io.NewSectionReader(file, from, min(step, file.size-from)), func() {}); err != nil {
				return err
			}
		}
		return nil
	})
}

// putStream uploads what comes until the end; an object that ends early is never made.
func (made object) putStream(ctx context.Context, stream io.Reader) error {
	first, err := readPart(ctx, stream, 1)
	if err != nil {
		return err
	}
	if int64(len(first)) < threshold {
		return made.put(ctx, section(first))
	}
	// Parts that were sent should not wait in memory for twice as many.
	debug.SetGCPercent(20)
	return made.inParts(ctx, func(ctx context.Context, send sender) error {
		// What is in memory at a time is bounded, however large the parts have become.
		memory := newBudget(4 * partSize)
		part := first
		for number := int32(1); len(part) > 0; {
			size := int64(len(part))
			if err := memory.take(ctx, size); err != nil {
				return err
			}
			if err := send(section(part), func() { memory.give(size) }); err != nil {
				return err
			}
			if size < sizeOfPart(number) {
				return nil // that was the last
			}
			number++
			if number > mostParts {
				return fmt.Errorf("the stream is longer than %d parts", mostParts)
			}
			if part, err = readPart(ctx, stream, number); err != nil {
				return err
			}
		}
		return nil
	})
}

func section(content []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))
}

// readPart reads a part or what is left; not even a silent stream keeps it from being given up.
func readPart(ctx context.Context, stream io.Reader, number int32) ([]byte, error) {
	// The first grows as it fills, so that the many one-line streams take no 8 MiB.
	var content bytes.Buffer
	if number > 1 {
		content.Grow(int(sizeOfPart(number)) + bytes.MinRead)
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyN(&content, stream, sizeOfPart(number))
		read <- err
	}()
	select {
	case err := <-read:
		if err == io.EOF {
			err = nil
		}
		return content.Bytes(), err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// put uploads in one call.
func (made object) put(ctx context.Context, body *io.SectionReader) error {
	return made.bucket.do(ctx, func(client *s3.Client) error {
		body.Seek(0, io.SeekStart)
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket:               &made.bucket.name,
			Key:                  &made.key,
			Body:                 body,
			ContentLength:        aws.Int64(body.Size()),
			ContentType:          &made.contentType,
			ACL:                  types.ObjectCannedACL(made.options["--acl"]),
			ServerSideEncryption: types.ServerSideEncryption(made.options["--sse"]),
			SSEKMSKeyId:          optional(made.options["--sse-kms-key-id"]),
			StorageClass:         types.StorageClass(made.options["--storage-class"]),
			RequestPayer:         made.bucket.payer,
		})
		return err
	})
}

// sender takes a part to be uploaded, and what to do when that is over.
type sender func(body *io.SectionReader, sent func()) error

// cutter cuts into parts what is to be uploaded.
type cutter func(ctx context.Context, send sender) error

// inParts uploads what it is sent, part by part. Whatever goes wrong, nothing of it stays.
func (made object) inParts(ctx context.Context, cut cutter) error {
	var upload *s3.CreateMultipartUploadOutput
	err := made.bucket.do(ctx, func(client *s3.Client) (err error) {
		upload, err = client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket:               &made.bucket.name,
			Key:                  &made.key,
			ContentType:          &made.contentType,
			ACL:                  types.ObjectCannedACL(made.options["--acl"]),
			ServerSideEncryption: types.ServerSideEncryption(made.options["--sse"]),
			SSEKMSKeyId:          optional(made.options["--sse-kms-key-id"]),
			StorageClass:         types.StorageClass(made.options["--storage-class"]),
			RequestPayer:         made.bucket.payer,
			ChecksumAlgorithm:    types.ChecksumAlgorithmCrc32,
		})
		return err
	})
	if err != nil {
		return err
	}
	parts, err := made.sendParts(ctx, upload.UploadId, cut)
	if err == nil {
		err = made.bucket.do(ctx, func(client *s3.Client) error {
			_, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket:          &made.bucket.name,
				Key:             &made.key,
				UploadId:        upload.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
				RequestPayer:    made.bucket.payer,
			})
			return err
		})
	}
	if err != nil {
		made.abort(upload.UploadId)
	}
	return err
}

func (made object) sendParts(ctx context.Context, id *string, cut cutter) ([]types.CompletedPart, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var parts []*types.CompletedPart
	err := cut(ctx, func(body *io.SectionReader, sent func()) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		part := &types.CompletedPart{PartNumber: aws.Int32(int32(len(parts) + 1))}
		parts = append(parts, part)
		group.Go(func() error {
			defer sent()
			return made.bucket.inTurn(ctx, func() error { return made.sendPart(ctx, id, part, body) })
		})
		return nil
	})
	// What made the parts fail is the reason, not that cutting was given up then.
	if failure := group.Wait(); failure != nil {
		return nil, failure
	}
	if err != nil {
		return nil, err
	}
	completed := make([]types.CompletedPart, len(parts))
	for at, part := range parts {
		completed[at] = *part
	}
	return completed, nil
}

func (made object) sendPart(ctx context.Context, id *string, part *types.CompletedPart, body *io.SectionReader) error {
	return made.bucket.do(ctx, func(client *s3.Client) error {
		body.Seek(0, io.SeekStart)
		output, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket:            &made.bucket.name,
			Key:               &made.key,
			UploadId:          id,
			PartNumber:        part.PartNumber,
			Body:              body,
			ContentLength:     aws.Int64(body.Size()),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
			RequestPayer:      made.bucket.payer,
		}, withoutContinue)
		if err == nil {
			part.ETag, part.ChecksumCRC32 = output.ETag, output.ChecksumCRC32
		}
		return err
	})
}

// withoutContinue sends a part without `Expect: 100-continue`, whose answer is another round trip: S3
// has let us begin the upload, so it will hardly refuse a part before it has come.
func withoutContinue(options *s3.Options) { options.ContinueHeaderThresholdBytes = -1 }

// abort frees what was uploaded, also when everything else has been cancelled.
func (made object) abort(id *string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanup)
	defer cancel()
	err := made.bucket.do(ctx, func(client *s3.Client) error {
		_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket:       &made.bucket.name,
			Key:          &made.key,
			UploadId:     id,
			RequestPayer: made.bucket.payer,
		})
		return err
	})
	if err != nil {
		complain("warning: the parts of s3://%s/%s could not be removed: %s", made.bucket.name, made.key, words(err))
	}
}
