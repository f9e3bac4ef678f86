// Command aws-client asks AWS one thing, for a worker's programs in Python:
//
//	aws-client REGION SERVICE OPERATION
//
// Arguments come as JSON on standard input; one JSON document goes to standard output, with either
// what the service answers (`Answer`) or its error (`Refused`), in the names of the SDK. Where
// there is neither, the exit status is not 0 and the last line of standard error says why.
//
// It asks once: the daemon decides when to ask again, within a budget of its own.
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
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	done     = 0
	noAnswer = 1
	misused  = 2
)

// How long a connection may take to be made, and the whole with credentials and answer.
var (
	connectTime = 5 * time.Second
	wholeTime   = 20 * time.Second
)

// result is the document that is printed.
type result struct {
	Answer  any      `json:",omitempty"`
	Refused *refusal `json:",omitempty"`
}

// refusal is an error of the service. Status is HTTP's.
type refusal struct {
	Code    string
	Message string
	Status  int
}

// misuse is what can only be a mistake in the programs themselves.
type misuse struct{ error }

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(arguments []string, given io.Reader, answer, complaints io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), wholeTime)
	defer cancel()
	found, err := ask(ctx, arguments, given)
	var wrong misuse
	switch {
	case err == nil:
		err = json.NewEncoder(answer).Encode(found)
	case errors.As(err, &wrong):
		fmt.Fprintln(complaints, err)
		return misused
	}
	if err != nil {
		fmt.Fprintln(complaints, err)
		return noAnswer
	}
	return done
}

func ask(ctx context.Context, arguments []string, given io.Reader) (result, error) {
	if len(arguments) != 3 {
		return result{}, misuse{errors.New("usage: aws-client REGION SERVICE OPERATION")}
	}
	region, service, operation := arguments[0], arguments[1], arguments[2]
	connection, err := connect(ctx, region)
	if err != nil {
		return result{}, err
	}
	call, known := operations(connection, service)[operation]
	if !known {
		return result{}, misuse{fmt.Errorf("%s %s is not known here", service, operation)}
	}
	found, err := call(ctx, given)
	if refused := refusedBy(err); refused != nil {
		return result{Refused: refused}, nil
	}
	return result{Answer: found}, err
}

func connect(ctx context.Context, region string) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(dialer *net.Dialer) { dialer.Timeout = connectTime }).
		WithTransportOptions(func(transport *http.Transport) { transport.DisableKeepAlives = true })
	return config.LoadDefaultConfig(ctx,
		config.WithRegion(region),
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	)
}

// refusedBy is the service's own error in another one, if there is one.
func refusedBy(err error) *refusal {
	var answered *smithyhttp.ResponseError
	var said smithy.APIError
	if !errors.As(err, &answered) || !errors.As(err, &said) {
		return nil
	}
	return &refusal{said.ErrorCode(), said.ErrorMessage(), answered.HTTPStatusCode()}
}
