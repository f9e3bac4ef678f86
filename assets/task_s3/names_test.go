package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// names have characters that XML or URLs cannot carry as they are.
var names = []string{"new\nline", "bell\a", "carriage\rreturn", "a+b%20c", "日本 😀", "tab\t", " "}

func TestNamesComeOutOfAListingAsTheyAre(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, asked *http.Request) {
		if asked.URL.Query().Get("list-type") == "" {
			answer.Header().Set("ETag", `"e"`)
			fmt.Fprint(answer, strings.TrimPrefix(asked.URL.Path, "/bucket/"))
			return
		}
		if asked.URL.Query().Get("encoding-type") != "url" {
			t.Error("asked for names as they are")
		}
		fmt.Fprint(answer, "<ListBucketResult><EncodingType>url</EncodingType>")
		for _, name := range names {
			fmt.Fprintf(answer, "<Contents><Key>d/%s</Key><Size>1</Size></Contents>", url.QueryEscape(name))
		}
		fmt.Fprint(answer, "</ListBucketResult>")
	}))
	defer served.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	folder := t.TempDir()
	command, err := parse([]string{
		"--endpoint-url", served.URL, "s3", "cp", "--only-show-errors", "--recursive", "s3://bucket/d", folder,
	})
	if err != nil {
		t.Fatal(err)
	}
	if code := execute(context.Background(), command); code != done {
		t.Fatalf("ended with %d", code)
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(content) != "d/"+name {
			t.Errorf("%q holds %q: %v", name, content, err)
		}
	}
}
