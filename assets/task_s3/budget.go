package main

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// budget is an amount of memory that takers wait for; one that wants more than all gets all.
type budget struct {
	total int64
	left  *semaphore.Weighted
}

func newBudget(total int64) budget { return budget{total, semaphore.NewWeighted(total)} }

func (budget budget) take(ctx context.Context, size int64) error {
	return budget.left.Acquire(ctx, min(size, budget.total))
}

func (budget budget) give(size int64) { budget.left.Release(min(size, budget.total)) }
