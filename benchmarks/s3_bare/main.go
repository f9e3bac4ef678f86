// Command bare moves data with the SDK that the tasks' S3 client uses, and does nothing else: what no
// client on that SDK can be faster than.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const usage = "bare put|get|ls BUCKET KEY PATH, or with CONCURRENCY and MIB: put-parts|get-parts BUCKET KEY FILE," +
	" put-files|get-files BUCKET PREFIX FOLDER"

var (
	ctx    = context.Background()
	client *s3.Client
	bucket string
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal(usage)
	}
	operation, key, path := os.Args[1], os.Args[3], os.Args[4]
	bucket = os.Args[2]
	atOnce, size := 1, int64(8<<20)
	if len(os.Args) == 7 {
		atOnce = number(os.Args[5])
		size = int64(number(os.Args[6])) << 20
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(
		awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
			transport.MaxIdleConnsPerHost = max(atOnce, transport.MaxIdleConnsPerHost)
		})))
	check(err)
	client = s3.NewFromConfig(loaded, func(options *s3.Options) {
		options.UsePathStyle = true
		options.DisableLogOutputChecksumValidationSkipped = true
	})
	group := &errgroup.Group{}
	group.SetLimit(atOnce)
	switch operation {
	case "put":
		check(put(key, path))
	case "get":
		check(get(key, path))
	case "ls":
		delimiter := "/"
		_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &key, Delimiter: &delimiter})
		check(err)
	case "put-parts":
		putParts(group, key, path, size)
	case "get-parts":
		getParts(group, key, path, size)
	case "put-files":
		files, err := os.ReadDir(path)
		check(err)
		for _, file := range files {
			group.Go(func() error { return put(key+"/"+file.Name(), filepath.Join(path, file.Name())) })
		}
		check(group.Wait())
	case "get-files":
		check(os.MkdirAll(path, 0o777))
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String(key + "/")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			check(err)
			for _, object := range page.Contents {
				group.Go(func() error { return get(*object.Key, filepath.Join(path, filepath.Base(*object.Key))) })
			}
		}
		check(group.Wait())
	default:
		log.Fatal(usage)
	}
}

func put(key, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: file})
	return err
}

func get(key, path string) error {
	output, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer output.Body.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, output.Body); err != nil {
		return err
	}
	return file.Close()
}

func putParts(group *errgroup.Group, key, path string, size int64) {
	file, err := os.Open(path)
	check(err)
	status, err := file.Stat()
	check(err)
	upload, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	check(err)
	parts := make([]types.CompletedPart, (status.Size()+size-1)/size)
	for at := range parts {
		group.Go(func() error {
			from := int64(at) * size
			number := aws.Int32(int32(at + 1))
			output, err := client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: number,
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
				Body:              io.NewSectionReader(file, from, min(size, status.Size()-from)),
			})
			if err == nil {
				parts[at] = types.CompletedPart{PartNumber: number, ETag: output.ETag, ChecksumCRC32: output.ChecksumCRC32}
			}
			return err
		})
	}
	check(group.Wait())
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	check(err)
}

func getParts(group *errgroup.Group, key, path string, size int64) {
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	check(err)
	file, err := os.Create(path)
	check(err)
	for from := int64(0); from < *head.ContentLength; from += size {
		group.Go(func() error {
			output, err := client.GetObject(ctx, &s3.GetObjectInput{
				Bucket: &bucket, Key: &key, IfMatch: head.ETag,
				Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, min(from+size, *head.ContentLength)-1)),
			})
			if err != nil {
				return err
			}
			defer output.Body.Close()
			_, err = io.CopyBuffer(io.NewOffsetWriter(file, from), output.Body, make([]byte, 256<<10))
			return err
		})
	}
	check(group.Wait())
	check(file.Close())
}

func number(text string) int {
	read, err := strconv.Atoi(text)
	check(err)
	return read
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
