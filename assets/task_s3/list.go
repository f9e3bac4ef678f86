package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// page is one answer of a listing, with names as they are.
type page struct {
	prefixes []string
	objects  []types.Object
}

// pages lists what begins with a prefix, down to the next delimiter if there is one.
func (bucket *bucket) pages(ctx context.Context, prefix, delimiter string, each func(page) error) error {
	input := &s3.ListObjectsV2Input{
		Bucket:       &bucket.name,
		Prefix:       &prefix,
		Delimiter:    optional(delimiter),
		RequestPayer: bucket.payer,
		// Not every name can stand in XML.
		EncodingType: types.EncodingTypeUrl,
	}
	for {
		var output *s3.ListObjectsV2Output
		err := bucket.do(ctx, func(client *s3.Client) (err error) {
			output, err = client.ListObjectsV2(ctx, input)
			return err
		})
		if err != nil {
			return err
		}
		if err := each(decoded(output)); err != nil {
			return err
		}
		if !aws.ToBool(output.IsTruncated) {
			return nil
		}
		input.ContinuationToken = output.NextContinuationToken
	}
}

func decoded(output *s3.ListObjectsV2Output) page {
	plain := func(text *string) string {
		name, err := url.QueryUnescape(aws.ToString(text))
		if err != nil || output.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(text)
		}
		return name
	}
	read := page{objects: output.Contents}
	for _, common := range output.CommonPrefixes {
		read.prefixes = append(read.prefixes, plain(common.Prefix))
	}
	for at := range read.objects {
		read.objects[at].Key = aws.String(plain(read.objects[at].Key))
	}
	return read
}

// list prints a listing in the AWS CLI's columns. Nextflow looks for `PRE name/` in it.
func list(ctx context.Context, bucket *bucket, place location) int {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	empty := true
	err := bucket.pages(ctx, place.key, "/", func(read page) error {
		for _, prefix := range read.prefixes {
			empty = false
			fmt.Fprintf(out, "%30s %s/\n", "PRE", base(strings.TrimSuffix(prefix, "/")))
		}
		for _, object := range read.objects {
			empty = false
			changed := aws.ToTime(object.LastModified).Local().Format("2006-01-02 15:04:05")
			fmt.Fprintf(out, "%s %10d %s\n", changed, aws.ToInt64(object.Size), base(*object.Key))
		}
		return nil
	})
	if err != nil {
		complain("%s", words(err))
		return code(err)
	}
	if empty && place.key != "" {
		return failed
	}
	return done
}

// base is what follows the last slash of a key.
func base(key string) string { return key[strings.LastIndex(key, "/")+1:] }
