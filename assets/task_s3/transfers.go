package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
)

// transfers are the files of one command, several at a time; one that fails does not end the rest.
type transfers struct {
	ctx     context.Context
	files   chan func(context.Context)
	running sync.WaitGroup
	workers int

	mutex sync.Mutex
	code  int
}

func newTransfers(ctx context.Context) *transfers {
	return &transfers{ctx: ctx, files: make(chan func(context.Context))}
}

// start does one of them as soon as somebody is free for it, or drops it if all was given up.
func (transfers *transfers) start(do func(context.Context), drop func()) {
	transfers.running.Add(1)
	file := func(ctx context.Context) {
		defer transfers.running.Done()
		do(ctx)
	}
	if transfers.workers < atOnce {
		transfers.workers++
		go transfers.work(file)
		return
	}
	select {
	case transfers.files <- file:
	case <-transfers.ctx.Done():
		transfers.running.Done()
		transfers.mutex.Lock()
		transfers.code = failed
		transfers.mutex.Unlock()
		drop()
	}
}

// work does one file after the other: a goroutine for each would grow its stack for each.
func (transfers *transfers) work(file func(context.Context)) {
	file(transfers.ctx)
	for file = range transfers.files {
		file(transfers.ctx)
	}
}

// report says that one failed.
func (transfers *transfers) report(format string, values ...any) {
	transfers.mutex.Lock()
	defer transfers.mutex.Unlock()
	complain(format, values...)
	transfers.code = failed
}

// warn says that one was left out.
func (transfers *transfers) warn(format string, values ...any) {
	transfers.mutex.Lock()
	defer transfers.mutex.Unlock()
	complain("warning: "+format, values...)
	if transfers.code == done {
		transfers.code = skipped
	}
}

// skip leaves out a file that cannot be read, in the AWS CLI's words.
func (transfers *transfers) skip(path string, err error) {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ELOOP):
		transfers.warn("Skipping file %s. File does not exist.", path)
	case errors.Is(err, errSpecial):
		transfers.warn("Skipping file %s. File is character special device, block special device,"+
			" FIFO, or socket.", path)
	case errors.Is(err, os.ErrPermission):
		transfers.warn("Skipping file %s. File/Directory is not readable.", path)
	default:
		transfers.warn("Skipping file %s. %s.", path, err)
	}
}

// end waits for all and gives the exit code.
func (transfers *transfers) end() int {
	transfers.running.Wait()
	close(transfers.files)
	return transfers.code
}
