package main

import (
	"context"
	"net"
	"net/http"
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
			return watched{connection}, nil
		}
		transport.MaxIdleConnsPerHost = atOnce
	})
}

// watched is a connection that each byte, sent or received, gives another while to live.
type watched struct{ net.Conn }

func (connection watched) Read(into []byte) (int, error) {
	connection.SetDeadline(time.Now().Add(silence))
	return connection.Conn.Read(into)
}

func (connection watched) Write(from []byte) (int, error) {
	connection.SetDeadline(time.Now().Add(silence))
	return connection.Conn.Write(from)
}
