package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// far is one to two hours, in no order.
func far(random uint64) time.Duration {
	return time.Hour + time.Duration(random%3_600_000_000)*time.Microsecond
}

func farTimer(random uint64) *time.Timer {
	return time.AfterFunc(far(random), func() { panic("a timer fired an hour early") })
}

// timersArmed arms many timers and stops them in another order; ns, bytes, ns each.
func timersArmed(j job) outcome {
	before := residentAndPageTables()
	timers := make([]*time.Timer, 0, j.size)
	start := time.Now()
	random := uint64(1)
	for range j.size {
		random = xorshift(random, 1)
		timers = append(timers, farTimer(random))
	}
	armed := time.Since(start)
	bytes := float64(residentAndPageTables()-before) / float64(j.size)
	start = time.Now()
	stopped := uint64(0)
	for i := range j.size {
		if timers[i*7919%j.size].Stop() {
			stopped++
		}
	}
	each := func(took time.Duration) float64 { return float64(took.Nanoseconds()) / float64(j.size) }
	return outcome{[]float64{each(armed), bytes, each(time.Since(start))}, stopped}
}

// timersChurn resets and stops timers, on every processor; ns each, of one processor.
func timersChurn(j job) outcome {
	const timers = 1_000
	each := j.size / j.procs
	var wg sync.WaitGroup
	var live atomic.Uint64
	wg.Add(j.procs)
	start := time.Now()
	for seed := range uint64(j.procs) {
		go func() {
			random := seed + 1
			mine := make([]*time.Timer, timers)
			for i := range mine {
				mine[i] = farTimer(seed + uint64(i))
			}
			n := uint64(0)
			for i := range each {
				if i%4 != 3 {
					random = xorshift(random, 1)
				}
				timer := mine[random%timers]
				var wasLive bool
				if i%4 == 2 {
					wasLive = timer.Stop()
				} else {
					wasLive = timer.Reset(far(random))
				}
				if wasLive {
					n++
				}
			}
			for _, timer := range mine {
				timer.Stop()
			}
			live.Add(n)
			wg.Done()
		}()
	}
	wg.Wait()
	return outcome{[]float64{float64(time.Since(start).Nanoseconds()) / float64(each)}, live.Load()}
}

// timersLate measures how late sleepers wake up beside goroutines that pass messages all the time.
func timersLate(j job) outcome {
	const sleepers = 1_000
	var stop atomic.Bool
	var pairs, all sync.WaitGroup
	for range 2 * j.procs {
		ping, pong := make(chan uint64), make(chan uint64)
		pairs.Add(2)
		go func() {
			for n := range ping {
				pong <- n
			}
			pairs.Done()
		}()
		go func() {
			for !stop.Load() {
				ping <- 1
				<-pong
			}
			close(ping)
			pairs.Done()
		}()
	}
	each := j.size / sleepers
	late := make([]float64, j.size)
	all.Add(sleepers)
	for i := range sleepers {
		go func() {
			for n := range each {
				length := time.Duration((i+n)%10+1) * time.Millisecond
				begin := time.Now()
				time.Sleep(length)
				over := time.Since(begin) - length
				must(over >= 0, "a sleep ended early")
				late[i*each+n] = over.Seconds() * 1e3
			}
			all.Done()
		}()
	}
	all.Wait()
	stop.Store(true)
	pairs.Wait()
	return outcome{[]float64{percentile(late, 50), percentile(late, 99)}, uint64(len(late))}
}
