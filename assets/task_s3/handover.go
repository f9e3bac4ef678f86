package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// handedOver is set for the AWS CLI that takes over, so that two of us cannot hand a call to
// each other for ever.
const handedOver = "NEXTFLOW_BATCH_AWS_HANDED_OVER"

// handOver replaces this program by the AWS CLI of the image, or says why it cannot be done.
func handOver(reason error) int {
	if real := installed(); real != "" {
		environment := append(os.Environ(), handedOver+"=yes")
		err := syscall.Exec(real, append([]string{real}, os.Args[1:]...), environment)
		complain("aws: %s cannot be run: %s", real, err)
		return other
	}
	complain("aws: %s. This client knows the forms of `aws s3 cp` and `aws s3 ls` that Nextflow"+
		" writes; anything else needs an AWS CLI in the task's image.", reason)
	return misused
}

// installed finds another `aws` on the PATH.
func installed() string {
	if os.Getenv(handedOver) != "" {
		return ""
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	self, err := os.Stat(path)
	if err != nil {
		return ""
	}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		candidate := filepath.Join(folder, "aws")
		found, err := os.Stat(candidate)
		if err == nil && found.Mode().IsRegular() && found.Mode()&0o111 != 0 && !os.SameFile(self, found) {
			return candidate
		}
	}
	return ""
}
