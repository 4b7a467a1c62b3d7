package main

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// parked starts n goroutines that wait for a channel to be closed; bytes and time each.
func parked(j job) outcome {
	before := residentAndPageTables()
	gate := make(chan struct{})
	var arrived, left atomic.Int64
	var wg sync.WaitGroup
	wg.Add(j.size)
	start := time.Now()
	for range j.size {
		go func() {
			arrived.Add(1)
			<-gate
			left.Add(1)
			wg.Done()
		}()
	}
	for arrived.Load() < int64(j.size) {
		runtime.Gosched()
	}
	elapsed := time.Since(start)
	bytes := float64(residentAndPageTables()-before) / float64(j.size)
	close(gate)
	wg.Wait()
	return outcome{[]float64{bytes, float64(elapsed.Nanoseconds()) / float64(j.size)}, uint64(left.Load())}
}

// idle parks n goroutines and n/10 connections and looks for 5 s how much CPU the process uses.
func idle(j job) outcome {
	gate := make(chan struct{})
	var woken atomic.Int64
	var wg sync.WaitGroup
	wg.Add(j.size)
	for range j.size {
		go func() {
			<-gate
			woken.Add(1)
			wg.Done()
		}()
	}
	listener := listen()
	connections := j.size / 10
	wg.Add(connections)
	clients := make([]net.Conn, connections)
	for i := range clients {
		clients[i] = dial(listener)
		server, err := listener.Accept()
		must(err == nil, "accept")
		go func() {
			var buffer [1]byte
			n, _ := server.Read(buffer[:])
			must(n == 0, "nothing was sent")
			server.Close()
			woken.Add(1)
			wg.Done()
		}()
	}
	time.Sleep(time.Second)
	cpu, switches := cpuAndWakeups()
	start := time.Now()
	time.Sleep(5 * time.Second)
	cpuAfter, switchesAfter := cpuAndWakeups()
	elapsed := time.Since(start)
	close(gate)
	for _, client := range clients {
		client.Close()
	}
	wg.Wait()
	return outcome{[]float64{
		100 * (cpuAfter - cpu).Seconds() / elapsed.Seconds(),
		float64(switchesAfter-switches) / elapsed.Seconds(),
	}, uint64(woken.Load())}
}

func residentAndPageTables() int64 {
	status, err := os.ReadFile("/proc/self/status")
	must(err == nil, "/proc/self/status")
	return 1024 * (field(string(status), "VmRSS:") + field(string(status), "VmPTE:"))
}

// cpuAndWakeups is the CPU time of all living threads and their voluntary context switches.
func cpuAndWakeups() (time.Duration, int64) {
	tasks, err := filepath.Glob("/proc/self/task/*")
	must(err == nil && len(tasks) > 0, "/proc/self/task")
	var cpu time.Duration
	var switches int64
	threads := 0
	for _, task := range tasks {
		schedstat, living := ofLiving(task + "/schedstat")
		if !living {
			continue
		}
		status, living := ofLiving(task + "/status")
		if !living {
			continue
		}
		onCPU, err := strconv.ParseInt(strings.Fields(schedstat)[0], 10, 64)
		must(err == nil, task+"/schedstat")
		cpu += time.Duration(onCPU)
		switches += field(status, "voluntary_ctxt_switches:")
		threads++
	}
	must(threads > 0, "no thread whose CPU time is known")
	return cpu, switches
}

// ofLiving is what a file of a thread says, and whether the thread has not ended meanwhile.
func ofLiving(file string) (string, bool) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", false
	}
	must(err == nil, file)
	return string(text), true
}

func field(text, name string) int64 {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), name); found {
			value, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(err == nil, name)
			return value
		}
	}
	panic("no " + name)
}
