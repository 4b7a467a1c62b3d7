package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pingpong sends i over an unbuffered channel and gets i+1 back over another, n times.
func pingpong(n int) (time.Duration, uint64) {
	ping, pong := make(chan uint64), make(chan uint64)
	go func() {
		for i := range ping {
			pong <- i + 1
		}
	}()
	var sum uint64
	start := time.Now()
	for i := range n {
		ping <- uint64(i)
		sum += <-pong
	}
	elapsed := time.Since(start)
	close(ping)
	return elapsed, sum
}

func chan1to1(n int) (time.Duration, uint64)     { return crowd(1, 100, n) }
func chan100to100(n int) (time.Duration, uint64) { return crowd(100, 128, n) }

// crowd lets k goroutines send n messages to k others through one channel.
func crowd(k, capacity, n int) (time.Duration, uint64) {
	messages := make(chan uint64, capacity)
	sums := make(chan uint64, k)
	var senders sync.WaitGroup
	senders.Add(k)
	start := time.Now()
	for range k {
		go func() {
			var sum uint64
			for message := range messages {
				sum += message
			}
			sums <- sum
		}()
	}
	for range k {
		go func() {
			for i := range n / k {
				messages <- uint64(i)
			}
			senders.Done()
		}()
	}
	senders.Wait()
	close(messages)
	var sum uint64
	for range k {
		sum += <-sums
	}
	return time.Since(start), sum
}

// select4 receives n messages from four unbuffered channels, each with a sender of its own.
func select4(n int) (time.Duration, uint64) {
	var channels [4]chan uint64
	for i := range channels {
		channels[i] = make(chan uint64)
	}
	start := time.Now()
	for i, channel := range channels {
		go func() {
			for j := range n / 4 {
				channel <- uint64(j*4 + i)
			}
		}()
	}
	var sum uint64
	for range n {
		select {
		case message := <-channels[0]:
			sum += message
		case message := <-channels[1]:
			sum += message
		case message := <-channels[2]:
			sum += message
		case message := <-channels[3]:
			sum += message
		}
	}
	return time.Since(start), sum
}

// done10k lets ten thousand goroutines receive n messages altogether, each in a select over a channel of its own
// and the Done that all have in common; eight feed them by turns. In the end the context is cancelled, and all are
// waited for.
func done10k(n int) (time.Duration, uint64) {
	const receivers, feeders = 10_000, 8
	ctx, cancel := context.WithCancel(context.Background())
	var channels [receivers]chan uint64
	for i := range channels {
		channels[i] = make(chan uint64)
	}
	var sums [receivers]uint64
	var received, fed sync.WaitGroup
	start := time.Now()
	for i, channel := range channels {
		received.Go(func() {
			var sum uint64
			for {
				select {
				case message := <-channel:
					sum += message
				case <-ctx.Done():
					sums[i] = sum
					return
				}
			}
		})
	}
	for chunk := range slices.Chunk(channels[:], receivers/feeders) {
		fed.Go(func() {
			for i := range n / receivers {
				for _, channel := range chunk {
					channel <- uint64(i)
				}
			}
		})
	}
	fed.Wait()
	cancel()
	received.Wait()
	var sum uint64
	for _, one := range sums {
		sum += one
	}
	return time.Since(start), sum
}

// mutex lets k goroutines increment one counter n times altogether.
func mutex(k, n int) (time.Duration, uint64) {
	var lock sync.Mutex
	var counter uint64
	var wg sync.WaitGroup
	wg.Add(k)
	start := time.Now()
	for range k {
		go func() {
			for range n / k {
				lock.Lock()
				counter++
				lock.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return time.Since(start), counter
}

// ring503 passes a token through 503 goroutines in a circle, n hops; the last one tells its place.
func ring503(n int) (time.Duration, uint64) {
	const places = 503
	var channels [places]chan uint64
	for i := range channels {
		channels[i] = make(chan uint64)
	}
	last := make(chan uint64)
	for i := range channels {
		go func() {
			for token := range channels[i] {
				if token == 0 {
					last <- uint64(i)
				} else {
					channels[(i+1)%places] <- token - 1
				}
			}
		}()
	}
	start := time.Now()
	channels[0] <- uint64(n)
	place := <-last
	elapsed := time.Since(start)
	for _, channel := range channels {
		close(channel)
	}
	return elapsed, place
}
