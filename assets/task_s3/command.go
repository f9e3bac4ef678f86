package main

import (
	"fmt"
	"slices"
	"strings"
)

// command is one call in one of the forms that we know.
type command struct {
	operation string // cp or ls
	source    location
	target    location
	recursive bool
	thawed    bool // --force-glacier-transfer: what is archived may have been restored
	options   map[string]string
}

// location is a path on this machine, `-` for a stream, or a place in S3.
type location struct {
	text   string
	remote bool
	bucket string
	key    string
}

func (place location) stream() bool { return !place.remote && place.text == "-" }

// valued are the options that take a value, each with the values that the AWS CLI allows; nil
// where any will do.
var valued = map[string][]string{
	"--region": nil, "--profile": nil, "--endpoint-url": nil, "--sse-kms-key-id": nil,
	"--sse":           {"AES256", "aws:kms", "aws:kms:dsse"},
	"--request-payer": {"requester"},
	"--acl": {
		"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
		"bucket-owner-read", "bucket-owner-full-control", "log-delivery-write",
	},
	"--storage-class": {
		"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
		"GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE",
	},
}

// parse understands the forms that nf-amazon writes, in any order of their options.
// https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/util/S3BashLib.groovy
// https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchExecutor.groovy
func parse(arguments []string) (command, error) {
	read := command{options: map[string]string{}}
	var words []string
	quiet := false
	for at := 0; at < len(arguments); at++ {
		name, value, joined := strings.Cut(arguments[at], "=")
		if !strings.HasPrefix(name, "-") || name == "-" {
			words = append(words, arguments[at])
			continue
		}
		allowed, takes := valued[name]
		switch {
		case takes:
			if !joined {
				if at++; at == len(arguments) {
					return read, fmt.Errorf("%s has no value", name)
				}
				value = arguments[at]
			}
			if allowed != nil && !slices.Contains(allowed, value) {
				return read, fmt.Errorf("%s is %s; known: %s", name, value, strings.Join(allowed, ", "))
			}
			read.options[name] = value
		case joined:
			return read, fmt.Errorf("unknown option %s", name)
		case name == "--only-show-errors" || name == "--quiet":
			quiet = true
		case name == "--recursive":
			read.recursive = true
		case name == "--force-glacier-transfer":
			read.thawed = true
		case name == "--debug" || name == "--no-progress":
			read.options[name] = "yes"
		default:
			return read, fmt.Errorf("unknown option %s", name)
		}
	}
	return read, read.take(words, quiet)
}

// take puts the words that are no options where they belong.
func (read *command) take(words []string, quiet bool) error {
	if len(words) < 2 || words[0] != "s3" {
		return fmt.Errorf("unknown command `%s`", strings.Join(words[:min(len(words), 2)], " "))
	}
	read.operation = words[1]
	places := make([]location, 0, 2)
	for _, word := range words[2:] {
		place, err := locate(word)
		if err != nil {
			return err
		}
		places = append(places, place)
	}
	switch {
	case read.operation == "ls" && len(places) == 1:
		read.source = places[0]
		if !read.source.remote {
			return fmt.Errorf("`s3 ls` of %s", read.source.text)
		}
		if read.recursive {
			return fmt.Errorf("`s3 ls --recursive`")
		}
	case read.operation == "cp" && len(places) == 2:
		read.source, read.target = places[0], places[1]
		return read.checkCopy(quiet)
	case read.operation == "ls" || read.operation == "cp":
		return fmt.Errorf("`s3 %s` with %d paths", read.operation, len(places))
	default:
		return fmt.Errorf("unknown command `s3 %s`", read.operation)
	}
	return nil
}

func (read *command) checkCopy(quiet bool) error {
	switch {
	case read.source.remote && read.target.remote:
		return fmt.Errorf("`s3 cp` from S3 to S3")
	case !read.source.remote && !read.target.remote:
		return fmt.Errorf("`s3 cp` between two local paths")
	case read.recursive && (read.source.stream() || read.target.stream()):
		return fmt.Errorf("`s3 cp --recursive` of a stream")
	case !quiet && !read.source.stream() && !read.target.stream():
		return fmt.Errorf("`s3 cp` without --only-show-errors")
	}
	return nil
}

func locate(text string) (location, error) {
	path, remote := strings.CutPrefix(text, "s3://")
	if !remote {
		return location{text: text}, nil
	}
	bucket, key, _ := strings.Cut(path, "/")
	if bucket == "" || strings.Contains(bucket, ":") {
		return location{}, fmt.Errorf("%s names no bucket", text)
	}
	return location{text: text, remote: true, bucket: bucket, key: key}, nil
}
