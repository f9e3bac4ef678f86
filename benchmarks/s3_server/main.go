// Command s3_server is the least of an S3 that clients can be measured against: it sends files, takes
// what it is sent for nothing but its length, and is a process of its own. Everything that a client
// could wait for would hide what the clients themselves take.
//
//	s3_server FOLDER CERTIFICATE KEY
//
// FOLDER holds a file for each key, with its name as in a URL. The first line that it prints is the
// port; whenever it reads a line, it prints how many calls there were since the last time.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const etag = `"00000000000000000000000000000000"`

var (
	changed = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	blocks  = sync.Pool{New: func() any { return make([]byte, 1<<20) }}
	calls   atomic.Int64
	folder  string
)

func main() {
	folder = os.Args[1]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: http.HandlerFunc(answer), ErrorLog: log.New(io.Discard, "", 0)}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true) // S3 speaks no other
	go func() {
		check(server.ServeTLS(listener, os.Args[2], os.Args[3]))
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(calls.Swap(0))
	}
}

func answer(out http.ResponseWriter, asked *http.Request) {
	calls.Add(1)
	_, key, _ := strings.Cut(strings.TrimPrefix(asked.URL.Path, "/"), "/")
	query := asked.URL.Query()
	out.Header().Set("ETag", etag)
	switch {
	case asked.Method == http.MethodPut:
		block := blocks.Get().([]byte)
		defer blocks.Put(block)
		for {
			if _, err := asked.Body.Read(block); err == io.EOF {
				return
			} else if err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	case asked.Method == http.MethodPost && query.Has("uploads"):
		fmt.Fprint(out, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
	case asked.Method == http.MethodPost:
		io.Copy(io.Discard, asked.Body)
		fmt.Fprintf(out, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", etag)
	case key == "":
		list(out, query)
	default:
		file, err := os.Open(filepath.Join(folder, url.QueryEscape(key)))
		if err != nil {
			out.WriteHeader(http.StatusNotFound)
			return
		}
		defer file.Close()
		out.Header().Set("Content-Type", "binary/octet-stream")
		http.ServeContent(out, asked, "", changed, file)
	}
}

func list(out io.Writer, query url.Values) {
	entries, err := os.ReadDir(folder)
	check(err)
	var keys []string
	for _, entry := range entries {
		key, err := url.QueryUnescape(entry.Name())
		check(err)
		if strings.HasPrefix(key, query.Get("prefix")) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	fmt.Fprint(out, "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>")
	for _, key := range keys {
		status, err := os.Stat(filepath.Join(folder, url.QueryEscape(key)))
		check(err)
		fmt.Fprintf(out, "<Contents><Key>%s</Key><LastModified>2026-11-25T00:00:00Z</LastModified><ETag>%s</ETag>"+
			"<Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>", (&url.URL{Path: key}).EscapedPath(), html.EscapeString(etag), status.Size())
	}
	fmt.Fprint(out, "</ListBucketResult>")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
