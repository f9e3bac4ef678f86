package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// Nextflow uploads `.command.log` while `tee` still writes it.
func TestAFileThatGrowsIsUploadedAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got string
	served := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, asked *http.Request) {
		content, _ := io.ReadAll(asked.Body)
		got = string(content)
	}))
	defer served.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	command, err := parse([]string{"--endpoint-url", served.URL, "s3", "cp", "--only-show-errors", path, "s3://bucket/log"})
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := open(context.Background(), command)
	if err != nil {
		t.Fatal(err)
	}
	file, err := openRegular(path)
	if err != nil {
		t.Fatal(err)
	}
	status, _ := file.Stat()
	more, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	made := object{bucket: bucket, key: "log", contentType: unknownType, options: command.options}
	body := io.NewSectionReader(file, 0, status.Size())
	more.WriteString("two")
	if err := made.put(context.Background(), body); err != nil || got != "one" {
		t.Errorf("uploaded %q: %v", got, err)
	}
}
