package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

var unique atomic.Int64

// content is what is still to be read of one version of an object.
type content struct {
	bucket  *bucket
	key     string
	tag     *string
	changed time.Time
	from    int64
	size    int64 // where it ends
	whole   bool
	body    io.ReadCloser
}

// get asks for a whole object. One call is all that most files need.
func (bucket *bucket) get(ctx context.Context, key string) (*content, error) {
	found := &content{bucket: bucket, key: key, whole: true}
	return found, found.ask(ctx)
}

// stream writes an object to a stream, in order.
func (bucket *bucket) stream(ctx context.Context, key string, to io.Writer) error {
	found, err := bucket.get(ctx, key)
	if err != nil {
		return err
	}
	defer found.Close()
	return found.copyTo(ctx, to)
}

// piece is a part of the content. The first one goes on reading what was asked for already.
func (found *content) piece(from, to int64) *content {
	part := *found
	part.from, part.size, part.whole = from, to, false
	if from > 0 {
		part.body = nil
	}
	return &part
}

// ask asks for the content from where we are; the first time for all of it, so that the SDK can
// check its checksum.
func (found *content) ask(ctx context.Context) error {
	input := &s3.GetObjectInput{
		Bucket:       &found.bucket.name,
		Key:          &found.key,
		RequestPayer: found.bucket.payer,
	}
	if found.tag != nil {
		input.Range = aws.String(fmt.Sprintf("bytes=%d-%d", found.from, found.size-1))
		input.IfMatch = found.tag // all of it is of one version
	}
	var output *s3.GetObjectOutput
	err := found.bucket.do(ctx, func(client *s3.Client) (err error) {
		output, err = client.GetObject(ctx, input)
		return err
	})
	if err != nil {
		return err
	}
	if output.ContentLength == nil || output.ETag == nil {
		output.Body.Close()
		return errors.New("the answer has no Content-Length or no ETag")
	}
	if found.tag == nil {
		found.tag, found.size = output.ETag, *output.ContentLength
		found.changed = aws.ToTime(output.LastModified)
	} else if *output.ContentLength != found.size-found.from {
		output.Body.Close()
		return fmt.Errorf("%d bytes were asked for, %d come", found.size-found.from, *output.ContentLength)
	}
	found.body = output.Body
	return nil
}

// copyTo writes all of it. A body that ends early is asked for again from there on.
func (found *content) copyTo(ctx context.Context, to io.Writer) error {
	buffer := make([]byte, min(256<<10, max(1, found.size-found.from)))
	for attempt := 1; ; attempt++ {
		err := found.copyBody(ctx, to, buffer)
		var local writeError
		var refusal smithy.APIError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &local):
			return local.error
		// The SDK has tried these again already.
		case errors.As(err, &refusal), found.body == nil, attempt >= found.bucket.attempts:
			return err
		}
		found.Close()
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (found *content) copyBody(ctx context.Context, to io.Writer, buffer []byte) error {
	if found.body == nil {
		if err := found.ask(ctx); err != nil {
			return err
		}
	}
	for {
		wanted := found.size - found.from
		if wanted == 0 && !found.whole {
			return nil
		}
		// A connection brings one TLS record at a time, a sixteenth of what one write should hold. At the
		// end of the whole, one more read lets the SDK compare checksums.
		count, err := io.ReadFull(found.body, buffer[:min(int64(len(buffer)), max(1, wanted))])
		if int64(count) > wanted {
			return fmt.Errorf("more than the %d bytes that were announced", found.size)
		}
		if count > 0 {
			if _, err := to.Write(buffer[:count]); err != nil {
				return writeError{err}
			}
			found.from += int64(count)
		}
		switch {
		case err == io.EOF && found.from == found.size:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
}

// Close gives up the connection.
func (found *content) Close() {
	if found.body != nil {
		found.body.Close()
		found.body = nil
	}
}

// writeError is a failure on our side, which asking again does not mend.
type writeError struct{ error }

// pause waits longer each time, and not all tasks equally long.
func pause(ctx context.Context, attempt int) error {
	most := min(20*time.Second, time.Second<<(attempt-1))
	select {
	case <-time.After(rand.N(most)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
