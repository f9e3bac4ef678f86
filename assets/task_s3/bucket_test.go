package main

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestACallIsRepeatedAsOftenAsItIsTold(t *testing.T) {
	for _, mode := range []aws.RetryMode{"", aws.RetryModeStandard, aws.RetryModeAdaptive} {
		client := connect(aws.Config{RetryMode: mode, RetryMaxAttempts: 100})
		retries := client.Options().Retryer
		if found := retries.MaxAttempts(); found != 100 {
			t.Errorf("mode %q: at most %d attempts", mode, found)
		}
		for repetition := range 99 {
			if _, err := retries.GetRetryToken(context.Background(), errors.New("away")); err != nil {
				t.Fatalf("mode %q: repetition %d: %v", mode, repetition, err)
			}
		}
	}
}
