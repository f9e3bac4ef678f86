// Command aws-client asks AWS one thing, for a worker's programs in Python:
//
//	aws-client REGION SERVICE OPERATION
//
// Arguments come as JSON on standard input; one JSON document goes to standard output, with what
// the service answers (`Answer`), its error (`Refused`), both in the names of the SDK, or why there
// is neither (`Unanswered`).
//
// It asks once: the daemon decides when to ask again, within a budget of its own.
//
// With the one argument docker-seccomp-profile it prints Docker's default seccomp profile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// How long a connection may take to be made, the metadata service to answer, and the whole.
var (
	connectTime  = 5 * time.Second
	metadataTime = 2 * time.Second
	wholeTime    = 20 * time.Second
)

// result is the document that is printed.
type result struct {
	Answer     any      `json:",omitempty"`
	Refused    *refusal `json:",omitempty"`
	Unanswered string   `json:",omitempty"`
}

// refusal is an error of the service. Status is HTTP's.
type refusal struct {
	Code    string
	Message string
	Status  int
}

// misuse is what can only be a mistake in the programs themselves, so nothing was sent.
type misuse struct{ error }

func main() {
	if len(os.Args) == 2 && os.Args[1] == "docker-seccomp-profile" {
		if err := dockersProfile(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: aws-client REGION SERVICE OPERATION | docker-seccomp-profile")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wholeTime)
	defer cancel()
	said := ask(ctx, os.Args[1], os.Args[2], os.Args[3], os.Stdin)
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(ctx context.Context, region, service, operation string, given io.Reader) result {
	connection, err := connect(ctx, region)
	if err != nil {
		return result{Unanswered: err.Error()}
	}
	call, known := operations(connection, service)[operation]
	if !known {
		call = unknown
	}
	answer, err := call(ctx, given)
	if refused := refusedBy(err); refused != nil {
		return result{Refused: refused}
	}
	if err != nil {
		return result{Unanswered: said(err)}
	}
	return result{Answer: answer}
}

func connect(ctx context.Context, region string) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(dialer *net.Dialer) { dialer.Timeout = connectTime }).
		WithTransportOptions(func(transport *http.Transport) { transport.DisableKeepAlives = true })
	return config.LoadDefaultConfig(ctx,
		config.WithRegion(region),
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithEC2RoleCredentialOptions(func(role *ec2rolecreds.Options) { role.Client = metadata() }),
	)
}

// metadata is a client of the instance's metadata service that is more patient than the SDK's, which
// gives up after half a second, and does try again: it is asked for credentials at each call, also
// where the host has much to do. The launch template allows IMDSv2 only.
func metadata() *imds.Client {
	return imds.New(imds.Options{
		HTTPClient:     &http.Client{Timeout: metadataTime, Transport: &http.Transport{}},
		EnableFallback: aws.FalseTernary,
	})
}

// refusedBy is the service's own error in another one, or our own mistake, if it is either.
func refusedBy(err error) *refusal {
	var wrong misuse
	if errors.As(err, &wrong) {
		return &refusal{"Misuse", wrong.Error(), http.StatusBadRequest}
	}
	var answered *smithyhttp.ResponseError
	var service smithy.APIError
	if !errors.As(err, &answered) || !errors.As(err, &service) {
		return nil
	}
	return &refusal{service.ErrorCode(), service.ErrorMessage(), answered.HTTPStatusCode()}
}

// said is an error's text without ports of our own, which would make each one another.
func said(err error) string {
	var network *net.OpError
	for inner := err; errors.As(inner, &network); inner = network.Err {
		network.Source = nil
	}
	return err.Error()
}
