package main

import (
	"runtime"
	"sync"
	"time"
)

// spawnBatch starts n goroutines in batches of 1000 and waits for each batch; goroutine i yields i.
func spawnBatch(n int) (time.Duration, uint64) {
	var results [1000]uint64
	var sum uint64
	start := time.Now()
	for first := 0; first < n; first += 1000 {
		var wg sync.WaitGroup
		wg.Add(1000)
		for i := range results {
			go func() {
				results[i] = uint64(first + i)
				wg.Done()
			}()
		}
		wg.Wait()
		for _, result := range results {
			sum += result
		}
	}
	return time.Since(start), sum
}

// spawnOne starts n goroutines, each after the one before has delivered its number.
func spawnOne(n int) (time.Duration, uint64) {
	done := make(chan uint64)
	var sum uint64
	start := time.Now()
	for i := range n {
		go func() { done <- uint64(i) }()
		sum += <-done
	}
	return time.Since(start), sum
}

func yield2(n int) (time.Duration, uint64)    { return yields(2, n) }
func yield1000(n int) (time.Duration, uint64) { return yields(1000, n) }

// yields lets k goroutines yield n times altogether.
func yields(k, n int) (time.Duration, uint64) {
	counts := make(chan uint64, k)
	start := time.Now()
	for range k {
		go func() {
			var count uint64
			for range n / k {
				runtime.Gosched()
				count++
			}
			counts <- count
		}()
	}
	var sum uint64
	for range k {
		sum += <-counts
	}
	return time.Since(start), sum
}

// skynet is a tree of goroutines with ten children each; the n leaves send their numbers up.
func skynet(n int) (time.Duration, uint64) {
	start := time.Now()
	root := make(chan uint64)
	go skynetNode(root, 0, uint64(n))
	sum := <-root
	return time.Since(start), sum
}

func skynetNode(parent chan<- uint64, first, leaves uint64) {
	if leaves == 1 {
		parent <- first
		return
	}
	children := make(chan uint64)
	for i := range uint64(10) {
		go skynetNode(children, first+i*(leaves/10), leaves/10)
	}
	var sum uint64
	for range 10 {
		sum += <-children
	}
	parent <- sum
}

// fib forks a goroutine at every call with n >= 2.
func fib(n int) (time.Duration, uint64) {
	start := time.Now()
	value := fibFork(uint64(n))
	return time.Since(start), value
}

func fibFork(n uint64) uint64 {
	if n < 2 {
		return n
	}
	left := make(chan uint64, 1)
	go func() { left <- fibFork(n - 1) }()
	right := fibFork(n - 2)
	return <-left + right
}

// forkWork is a binary tree of goroutines, n levels deep; each leaf computes for about 100 us.
func forkWork(n int) (time.Duration, uint64) {
	start := time.Now()
	value := forkNode(n, 1)
	return time.Since(start), value
}

func forkNode(levels int, place uint64) uint64 {
	if levels == 0 {
		return xorshift(place, 50_000) % 1_000_003
	}
	left := make(chan uint64, 1)
	go func() { left <- forkNode(levels-1, 2*place) }()
	right := forkNode(levels-1, 2*place+1)
	return <-left + right
}

// xorshift takes so many steps from x; each depends on the one before.
func xorshift(x uint64, steps int) uint64 {
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
