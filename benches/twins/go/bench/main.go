// Go's twin of gmp-bench: one workload per run, one JSON line per measured quantity.
//
// The contract and what each workload does are described in benches/README.md; sizes that are not
// given on the command line are those of benches/contract/src/workloads.rs.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// quantity is one number that a workload yields.
type quantity struct {
	suffix, unit string
}

// job is one run of one workload, as asked for on the command line.
type job struct {
	name  string
	procs int
	size  int
	addr  string
}

// outcome holds one value per quantity, and the proof that the work was done.
type outcome struct {
	values []float64
	check  uint64
}

// workload is a row of the table.
type workload struct {
	name       string
	size       int
	quantities []quantity
	run        func(j job) outcome
}

var (
	nsPerOp   = []quantity{{"", "ns/op"}}
	ms        = []quantity{{"", "ms"}}
	perSecond = []quantity{{"", "1/s"}}
	quantiles = []quantity{{".p50", "ms"}, {".p99", "ms"}}
)

func workloads() []workload {
	return []workload{
		{"spawn_batch", 1_000_000, nsPerOp, timed(nsPerOp, spawnBatch)},
		{"spawn_one", 500_000, nsPerOp, timed(nsPerOp, spawnOne)},
		{"yield_2", 5_000_000, nsPerOp, timed(nsPerOp, yield2)},
		{"yield_1000", 5_000_000, nsPerOp, timed(nsPerOp, yield1000)},
		{"pingpong", 1_000_000, nsPerOp, timed(nsPerOp, pingpong)},
		{"chan_1to1", 10_000_000, nsPerOp, timed(nsPerOp, chan1to1)},
		{"chan_100to100", 5_000_000, nsPerOp, timed(nsPerOp, chan100to100)},
		{"select_4", 1_000_000, nsPerOp, timed(nsPerOp, select4)},
		{"done_10k", 2_000_000, nsPerOp, timed(nsPerOp, done10k)},
		{"mutex_8", 20_000_000, nsPerOp, timed(nsPerOp, func(n int) (time.Duration, uint64) { return mutex(8, n) })},
		{"mutex_64", 20_000_000, nsPerOp, timed(nsPerOp, func(n int) (time.Duration, uint64) { return mutex(64, n) })},
		{"mutex_1000", 20_000_000, nsPerOp, timed(nsPerOp, func(n int) (time.Duration, uint64) { return mutex(1000, n) })},
		{"ring_503", 2_000_000, nsPerOp, timed(nsPerOp, ring503)},
		{"skynet", 1_000_000, ms, timed(ms, skynet)},
		{"fib", 27, ms, timedLess(ms, 5, fib)},
		{"fork_work", 12, ms, timedLess(ms, 5, forkWork)},
		{"sleeps", 100_000, ms, timed(ms, sleeps)},
		{"timers_armed", 1_000_000, []quantity{{".arm", "ns/op"}, {".bytes", "B"}, {".stop", "ns/op"}}, timersArmed},
		{"timers_churn", 4_000_000, nsPerOp, timersChurn},
		{"timers_late", 50_000, quantiles, timersLate},
		{"parked", 1_000_000, []quantity{{".bytes", "B"}, {".spawn", "ns/op"}}, parked},
		{"parked_64k", 1_000_000, []quantity{{".bytes", "B"}, {".spawn", "ns/op"}}, parked},
		{"hogs", 200, quantiles, hogs},
		{"blocking", 500, quantiles, blocking},
		{"echo", 200_000, perSecond, timed(perSecond, echo)},
		{"http", 5, nil, httpHello},
		{"idle", 10_000, []quantity{{".cpu", "%"}, {".wakeups", "1/s"}}, idle},
	}
}

// timed runs the warm-up (a tenth), then the measured run; body returns its own time and check.
func timed(q []quantity, body func(n int) (time.Duration, uint64)) func(job) outcome {
	return warmed(q, func(n int) int { return max(n/10, 1) }, body)
}

// timedLess is timed for sizes that are exponents.
func timedLess(q []quantity, less int, body func(n int) (time.Duration, uint64)) func(job) outcome {
	return warmed(q, func(n int) int { return max(n-less, 1) }, body)
}

func warmed(q []quantity, warmUp func(int) int, body func(n int) (time.Duration, uint64)) func(job) outcome {
	return func(j job) outcome {
		body(warmUp(j.size))
		elapsed, check := body(j.size)
		var value float64
		switch q[0].unit {
		case "ns/op":
			value = float64(elapsed.Nanoseconds()) / float64(j.size)
		case "ms":
			value = elapsed.Seconds() * 1e3
		case "1/s":
			value = float64(j.size) / elapsed.Seconds()
		}
		return outcome{[]float64{value}, check}
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		for _, w := range workloads() {
			fmt.Println(w.name)
		}
		return
	}
	w, j, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		fmt.Fprintln(os.Stderr, "usage: PROGRAM WORKLOAD [--procs P] [--size N] | PROGRAM --list")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(j.procs)
	result := w.run(j)
	for i, q := range w.quantities {
		fmt.Printf("{\"workload\":\"%s%s\",\"runtime\":\"go\",\"procs\":%d,\"n\":%d,\"unit\":\"%s\",\"value\":%.6f,\"check\":\"%x\"}\n",
			w.name, q.suffix, j.procs, j.size, q.unit, result.values[i], result.check)
	}
}

func parse(args []string) (workload, job, error) {
	if len(args) == 0 {
		return workload{}, job{}, fmt.Errorf("which workload?")
	}
	for _, w := range workloads() {
		if w.name != args[0] {
			continue
		}
		j := job{name: w.name, procs: runtime.NumCPU(), size: w.size, addr: "127.0.0.1:8080"}
		for rest := args[1:]; len(rest) > 0; rest = rest[2:] {
			if len(rest) == 1 {
				return w, j, fmt.Errorf("%s needs a value", rest[0])
			}
			if rest[0] == "--addr" {
				j.addr = rest[1]
				continue
			}
			n, err := strconv.Atoi(rest[1])
			if err != nil || n < 1 {
				return w, j, fmt.Errorf("%s %s: not a positive number", rest[0], rest[1])
			}
			switch rest[0] {
			case "--procs":
				j.procs = n
			case "--size":
				j.size = n
			default:
				return w, j, fmt.Errorf("unknown option %s", rest[0])
			}
		}
		return w, j, nil
	}
	return workload{}, job{}, fmt.Errorf("unknown workload %q", args[0])
}

// must ends a run whose result is wrong: no number is better than a wrong one.
func must(holds bool, what string) {
	if !holds {
		panic("wrong result: " + what)
	}
}
