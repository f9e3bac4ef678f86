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
	"sync"
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

func TestNamesAreUploadedAsTheyAre(t *testing.T) {
	var mutex sync.Mutex
	got := map[string]bool{}
	served := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, asked *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		got[strings.TrimPrefix(asked.URL.Path, "/bucket/d/")] = true
	}))
	defer served.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	folder := t.TempDir()
	for _, name := range append(names, "no UTF-8 \xff") {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command, err := parse([]string{
		"--endpoint-url", served.URL, "s3", "cp", "--only-show-errors", "--recursive", folder, "s3://bucket/d",
	})
	if err != nil {
		t.Fatal(err)
	}
	if code := execute(context.Background(), command); code != failed {
		t.Errorf("ended with %d in spite of a name that is not UTF-8", code)
	}
	for _, name := range names {
		if !got[name] {
			t.Errorf("%q is missing", name)
		}
	}
	if len(got) != len(names) {
		t.Errorf("uploaded %v", got)
	}
}

func TestNoKeyLeadsOutOfTheFolder(t *testing.T) {
	for key, wanted := range map[string]error{
		"..": errOutside, "../a": errOutside, "/..": errOutside, "/../a": errOutside, "a/../..": errOutside,
		"a/../../b": errOutside, "./..": errOutside, ".": errFolder, "": errFolder, "/": errFolder, "a/": errFolder,
		"a/.": errFolder, "a/b/..": errFolder, "a": nil, "/a": nil, "a//b": nil, "a/../b": nil, "..a": nil, "...": nil,
	} {
		name, err := placed(key)
		if err != wanted || err == nil && !filepath.IsLocal(name) {
			t.Errorf("%q: %q, %v", key, name, err)
		}
	}
}
