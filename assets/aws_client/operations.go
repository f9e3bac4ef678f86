package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// caller reads an operation's arguments and calls it.
type caller func(ctx context.Context, given io.Reader) (any, error)

// operations are those of a service that a worker may call. The linker leaves out all others, so
// each that is missing here is not in the program.
func operations(connection aws.Config, service string) map[string]caller {
	switch service {
	case "ec2":
		client := ec2.NewFromConfig(connection)
		return map[string]caller{
			"AttachVolume":                 calls(client.AttachVolume),
			"CreateVolume":                 calls(client.CreateVolume),
			"DeleteVolume":                 calls(client.DeleteVolume),
			"DescribeInstanceTypes":        calls(client.DescribeInstanceTypes),
			"DescribeVolumes":              calls(client.DescribeVolumes),
			"DescribeVolumesModifications": calls(client.DescribeVolumesModifications),
			"DetachVolume":                 calls(client.DetachVolume),
			"ModifyInstanceAttribute":      calls(client.ModifyInstanceAttribute),
			"ModifyVolume":                 calls(client.ModifyVolume),
		}
	case "ecs":
		client := ecs.NewFromConfig(connection)
		return map[string]caller{
			"UpdateContainerInstancesState": calls(client.UpdateContainerInstancesState),
		}
	case "logs":
		client := cloudwatchlogs.NewFromConfig(connection)
		return map[string]caller{
			"CreateLogStream": calls(client.CreateLogStream),
			"PutLogEvents":    calls(client.PutLogEvents),
		}
	}
	return nil
}

// unknown is the caller of any other operation.
func unknown(context.Context, io.Reader) (any, error) {
	return nil, misuse{errors.New("no such operation is known here")}
}

// calls makes a caller of a client's method.
func calls[In, Out, Options any](
	method func(context.Context, *In, ...func(*Options)) (*Out, error),
) caller {
	return func(ctx context.Context, given io.Reader) (any, error) {
		var arguments In
		decoder := json.NewDecoder(given)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&arguments); err != nil {
			return nil, misuse{err}
		}
		return method(ctx, &arguments)
	}
}
