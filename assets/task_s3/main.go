// Command aws is the `aws` of Nextflow's tasks: the forms of `aws s3 cp` and `aws s3 ls` that
// nf-amazon writes, done as the AWS CLI does them. Everything else goes to a real AWS CLI, if the
// task's image has one, or is refused in words.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// Exit codes of the AWS CLI:
// https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html
const (
	done          = 0
	failed        = 1 // a transfer failed, or a listing is empty
	skipped       = 2 // a file was left out, with a warning
	misused       = 252
	misconfigured = 253
	refused       = 254 // by the service
	other         = 255
)

// version is what `aws --version` says; the real one says `aws-cli/…` in its place.
const version = "nextflow-batch-task-s3/1"

func main() {
	// A seventh of the work of 1,000 small files was collecting what they leave. The price is 1 to 3 MiB.
	debug.SetGCPercent(200)
	os.Exit(run(os.Args[1:]))
}

func run(arguments []string) int {
	if len(arguments) == 1 && arguments[0] == "--version" {
		fmt.Println(version)
		return done
	}
	command, err := parse(arguments)
	if err != nil {
		return handOver(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		end := interrupted{(<-signals).(syscall.Signal)}
		signal.Stop(signals) // another one ends us at once
		cancel(end)
		// Someone may not read what we write.
		time.Sleep(2 * cleanup)
		os.Exit(128 + int(end.signal))
	}()
	code := execute(ctx, command)
	if end, ok := context.Cause(ctx).(interrupted); ok {
		return 128 + int(end.signal)
	}
	return code
}

func execute(ctx context.Context, command command) int {
	bucket, err := open(ctx, command)
	if err != nil {
		complain("%s", err)
		return misconfigured
	}
	switch {
	case command.operation == "ls":
		return list(ctx, bucket, command.source)
	case command.target.remote:
		return upload(ctx, bucket, command)
	default:
		return download(ctx, bucket, command)
	}
}

// interrupted is why everything was given up: a signal.
type interrupted struct{ signal syscall.Signal }

func (end interrupted) Error() string { return "interrupted by " + end.signal.String() }

// complain writes one line, whatever is in the names that it tells.
func complain(format string, values ...any) {
	fmt.Fprintln(os.Stderr, printable(fmt.Sprintf(format, values...)))
}

func printable(text string) string {
	var line strings.Builder
	for len(text) > 0 {
		letter, size := utf8.DecodeRuneInString(text)
		switch {
		case letter == utf8.RuneError && size == 1:
			fmt.Fprintf(&line, `\x%02x`, text[0])
		case unicode.IsPrint(letter):
			line.WriteRune(letter)
		default:
			line.WriteString(strings.Trim(strconv.QuoteRune(letter), "'"))
		}
		text = text[size:]
	}
	return line.String()
}
