package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestAServerThatFallsSilentIsAskedAgain(t *testing.T) {
	silence = 100 * time.Millisecond
	defer func() { silence = 60 * time.Second }()
	for _, where := range []string{"before the answer", "within the body"} {
		t.Run(where, func(t *testing.T) {
			end := make(chan struct{})
			var asked atomic.Int32
			served := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
				answer.Header().Set("ETag", `"e"`)
				if asked.Add(1) > 1 {
					rest := map[bool]string{true: "content", false: "tent"}[request.Header.Get("Range") == ""]
					io.WriteString(answer, rest)
					return
				}
				if where == "within the body" {
					answer.Header().Set("Content-Length", "7")
					io.WriteString(answer, "con")
					answer.(http.Flusher).Flush()
				}
				<-end
			}))
			defer served.Close()
			defer close(end)
			t.Setenv("AWS_ACCESS_KEY_ID", "test")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
			t.Setenv("AWS_MAX_ATTEMPTS", "2")
			command, err := parse([]string{"--endpoint-url", served.URL, "s3", "cp", "--only-show-errors", "s3://bucket/a", "-"})
			if err != nil {
				t.Fatal(err)
			}
			bucket, err := open(context.Background(), command)
			if err != nil {
				t.Fatal(err)
			}
			var got written
			if err := bucket.stream(context.Background(), "a", &got); err != nil || string(got) != "content" {
				t.Errorf("got %q: %v", got, err)
			}
		})
	}
}

type written []byte

func (got *written) Write(content []byte) (int, error) {
	*got = append(*got, content...)
	return len(content), nil
}
