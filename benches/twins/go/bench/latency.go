package main

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sleeps starts n goroutines that sleep 1 to 50 ms and waits for all of them.
func sleeps(n int) (time.Duration, uint64) {
	var wg sync.WaitGroup
	var sum, early atomic.Uint64
	wg.Add(n)
	start := time.Now()
	for i := range n {
		go func() {
			length := uint64(i)%50 + 1
			begin := time.Now()
			time.Sleep(time.Duration(length) * time.Millisecond)
			if time.Since(begin) < time.Duration(length)*time.Millisecond {
				early.Add(1)
			}
			sum.Add(length)
			wg.Done()
		}()
	}
	wg.Wait()
	elapsed := time.Since(start)
	must(early.Load() == 0, "a sleep ended early")
	return elapsed, sum.Load()
}

// hogs measures sleeps of 1 ms while two spinning goroutines per processor compute.
func hogs(j job) outcome {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range 2 * j.procs {
		wg.Add(1)
		go func() {
			x := uint64(i + 1)
			for !stop.Load() {
				x = xorshift(x, 1<<16)
			}
			must(x != 0, "xorshift never reaches zero")
			wg.Done()
		}()
	}
	lengths := sleepLengths(j.size)
	stop.Store(true)
	wg.Wait()
	return outcome{[]float64{percentile(lengths, 50), percentile(lengths, 99)}, uint64(len(lengths))}
}

// blocking measures how late sleeps of 1 ms end while two goroutines per processor block their
// threads for 20 ms at a time.
func blocking(j job) outcome {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 * j.procs {
		wg.Add(1)
		go func() {
			for !stop.Load() {
				length := syscall.Timespec{Nsec: 20_000_000}
				syscall.Nanosleep(&length, nil)
			}
			wg.Done()
		}()
	}
	lengths := sleepLengths(j.size)
	stop.Store(true)
	wg.Wait()
	for i := range lengths {
		lengths[i] -= 1
	}
	return outcome{[]float64{percentile(lengths, 50), percentile(lengths, 99)}, uint64(len(lengths))}
}

// sleepLengths says how many milliseconds each of n sleeps of 1 ms took.
func sleepLengths(n int) []float64 {
	lengths := make([]float64, n)
	for i := range lengths {
		begin := time.Now()
		time.Sleep(time.Millisecond)
		lengths[i] = time.Since(begin).Seconds() * 1e3
		must(lengths[i] >= 1, "a sleep ended early")
	}
	return lengths
}

// percentile is the nearest rank, as in benches/contract/src/stats.rs.
func percentile(values []float64, percent float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
