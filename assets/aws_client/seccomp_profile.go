package main

import (
	"encoding/json"
	"io"

	"github.com/moby/profiles/seccomp"
)

// dockersProfile writes Docker's default seccomp profile, which no command of Docker prints.
func dockersProfile(out io.Writer) error {
	return json.NewEncoder(out).Encode(seccomp.DefaultProfile())
}
