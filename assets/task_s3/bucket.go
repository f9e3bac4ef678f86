package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// attempts is how often a call is tried when AWS_MAX_ATTEMPTS does not say; Nextflow's default.
const attempts = 5

// atOnce is how many calls run at the same time: the AWS CLI's max_concurrent_requests.
const atOnce = 10

// bucket is the bucket of one command, asked in the region where it turns out to be.
type bucket struct {
	name     string
	payer    types.RequestPayer
	attempts int
	slots    chan struct{}

	mutex  sync.Mutex
	config aws.Config
	client *s3.Client
}

// open reads configuration and credentials as every SDK does and calls nobody yet.
func open(ctx context.Context, command command) (*bucket, error) {
	place := command.source
	if command.target.remote {
		place = command.target
	}
	// The Go SDK refuses the AWS CLI's `legacy`.
	if os.Getenv("AWS_RETRY_MODE") == "legacy" {
		os.Unsetenv("AWS_RETRY_MODE")
	}
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(patient())}
	if region := command.options["--region"]; region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile := command.options["--profile"]; profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if url := command.options["--endpoint-url"]; url != "" {
		options = append(options, config.WithBaseEndpoint(url))
	}
	if command.options["--debug"] != "" {
		options = append(options, config.WithClientLogMode(aws.LogRetries|aws.LogRequest|aws.LogResponse))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if loaded.Region == "" {
		loaded.Region = "us-east-1" // S3 says from there where a bucket is
	}
	if loaded.RetryMaxAttempts == 0 {
		loaded.RetryMaxAttempts = attempts
	}
	opened := &bucket{
		name:     place.bucket,
		payer:    types.RequestPayer(command.options["--request-payer"]),
		attempts: loaded.RetryMaxAttempts,
		slots:    make(chan struct{}, atOnce),
		config:   loaded,
	}
	opened.client = connect(loaded)
	return opened, nil
}

func connect(loaded aws.Config) *s3.Client {
	return s3.NewFromConfig(loaded, func(options *s3.Options) {
		// As botocore: virtual hosts for AWS, paths for any other server.
		options.UsePathStyle = options.BaseEndpoint != nil
		options.Retryer = retry.AddWithMaxAttempts(retryer(loaded.RetryMode), loaded.RetryMaxAttempts)
		options.DisableLogOutputChecksumValidationSkipped = true
	})
}

// retryer repeats as often as it is told. The SDK's own stops earlier: its quota protects a service
// from programs that make many calls, and is used up by some 35 repetitions of a single one. An
// S3 that is away for minutes would fail tasks whose work is done.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
func retryer(mode aws.RetryMode) aws.RetryerV2 {
	unlimited := func(options *retry.StandardOptions) { options.RateLimiter = ratelimit.None }
	if mode == aws.RetryModeAdaptive {
		return retry.NewAdaptiveMode(func(options *retry.AdaptiveModeOptions) {
			options.StandardOptions = append(options.StandardOptions, unlimited)
		})
	}
	return retry.NewStandard(unlimited)
}

// do makes one call, in the bucket's own region should it be in another than we thought. The call
// may be made twice and brings its body anew each time.
func (bucket *bucket) do(ctx context.Context, call func(*s3.Client) error) error {
	bucket.mutex.Lock()
	client := bucket.client
	bucket.mutex.Unlock()
	err := call(client)
	region := bucket.elsewhere(ctx, client, err)
	if region == "" {
		return err
	}
	return call(bucket.move(region))
}

// inTurn moves data, with no more than a few others at the same time.
func (bucket *bucket) inTurn(ctx context.Context, transfer func() error) error {
	select {
	case bucket.slots <- struct{}{}:
		defer func() { <-bucket.slots }()
		return transfer()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (bucket *bucket) move(region string) *s3.Client {
	bucket.mutex.Lock()
	defer bucket.mutex.Unlock()
	if bucket.config.Region != region {
		bucket.config.Region = region
		bucket.client = connect(bucket.config)
	}
	return bucket.client
}

// elsewhere tells from an error the region that the bucket is in, if it is not where we asked.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
func (bucket *bucket) elsewhere(ctx context.Context, client *s3.Client, err error) string {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return ""
	}
	var refusal smithy.APIError
	code := ""
	if errors.As(err, &refusal) {
		code = refusal.ErrorCode()
	}
	moved := answer.HTTPStatusCode() == http.StatusMovedPermanently ||
		code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" ||
		code == "IllegalLocationConstraintException"
	if !moved {
		return ""
	}
	asked := client.Options().Region
	region := regionOf(answer)
	if region == "" {
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket.name})
		if errors.As(err, &answer) {
			region = regionOf(answer)
		}
	}
	if region == asked {
		return ""
	}
	return region
}

func regionOf(answer *smithyhttp.ResponseError) string {
	if answer.Response == nil {
		return ""
	}
	return answer.Response.Header.Get("X-Amz-Bucket-Region")
}

// errStop ends a listing whose rest nobody wants.
var errStop = errors.New("seen enough")

// has says whether there is an object of that name.
func (bucket *bucket) has(ctx context.Context, key string) (bool, error) {
	found := false
	err := bucket.pages(ctx, key, "", func(read page) error {
		found = len(read.objects) > 0 && *read.objects[0].Key == key
		return errStop
	})
	if err == errStop {
		err = nil
	}
	return found, err
}

// words says what went wrong as the AWS CLI does.
func words(err error) string {
	var operation *smithy.OperationError
	var refusal smithy.APIError
	if errors.As(err, &operation) && errors.As(err, &refusal) {
		return fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s",
			refusal.ErrorCode(), operation.Operation(), refusal.ErrorMessage())
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// code is the exit code of a command that a failed call ends.
func code(err error) int {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return refused
	}
	return other
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
