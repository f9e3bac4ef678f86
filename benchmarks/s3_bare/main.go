// Command bare makes one call with the SDK that the tasks' S3 client uses, and nothing else: what
// no client on that SDK can be faster than.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	operation, bucket, key, path := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx := context.Background()
	loaded, err := config.LoadDefaultConfig(ctx)
	check(err)
	client := s3.NewFromConfig(loaded, func(options *s3.Options) {
		options.UsePathStyle = true
		options.DisableLogOutputChecksumValidationSkipped = true
	})
	switch operation {
	case "put":
		file, err := os.Open(path)
		check(err)
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: file})
		check(err)
	case "get":
		output, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		check(err)
		file, err := os.Create(path)
		check(err)
		_, err = io.Copy(file, output.Body)
		check(err)
		check(file.Close())
	case "ls":
		delimiter := "/"
		_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &key, Delimiter: &delimiter})
		check(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
