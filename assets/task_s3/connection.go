package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	// The AWS CLI brings its own certificate authorities, so it works in images that have none;
	// these are Mozilla's, used where the image has none.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// silence is how long a connection may be without a byte: the AWS CLI's read time-out. Without
// it, a server that falls silent would hold a task for ever.
var silence = 60 * time.Second

// patient is the SDK's HTTP client with that limit.
func patient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watched{Conn: connection}, nil
		}
		transport.MaxIdleConnsPerHost = atOnce
	})
}

// watched is a connection that what is sent or received gives another while to live.
type watched struct {
	net.Conn
	renewed atomic.Int64
}

func (connection *watched) Read(into []byte) (int, error) {
	connection.renew()
	return connection.Conn.Read(into)
}

func (connection *watched) Write(from []byte) (int, error) {
	connection.renew()
	return connection.Conn.Write(from)
}

// renew moves the deadline, but not for each of the 65,000 records of a GiB.
func (connection *watched) renew() {
	now := time.Now()
	if now.UnixNano()-connection.renewed.Load() > int64(silence/100) {
		connection.renewed.Store(now.UnixNano())
		connection.SetDeadline(now.Add(silence))
	}
}
