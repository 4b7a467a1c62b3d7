package main

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// echo does n round trips of 64 bytes over 1000 connections; both ends live in this process.
func echo(n int) (time.Duration, uint64) {
	const connections = 1000
	listener := listen()
	var sum atomic.Uint64
	var servers, clients sync.WaitGroup
	servers.Add(connections)
	clients.Add(connections)
	begin := make(chan struct{})
	for c := range connections {
		client := dial(listener)
		server, err := listener.Accept()
		must(err == nil, "accept")
		go func() {
			serveEcho(server)
			servers.Done()
		}()
		go func() {
			<-begin
			sum.Add(askEcho(client, c, n/connections))
			client.Close()
			clients.Done()
		}()
	}
	listener.Close()
	start := time.Now()
	close(begin)
	clients.Wait()
	elapsed := time.Since(start)
	servers.Wait()
	return elapsed, sum.Load()
}

func serveEcho(conn net.Conn) {
	var buffer [64]byte
	for {
		if _, err := io.ReadFull(conn, buffer[:]); err != nil {
			must(err == io.EOF, "read at the server")
			conn.Close()
			return
		}
		_, err := conn.Write(buffer[:])
		must(err == nil, "write at the server")
	}
}

func askEcho(conn net.Conn, c, rounds int) uint64 {
	var sum uint64
	var message, reply [64]byte
	for round := range rounds {
		for i := range message {
			message[i] = byte(c + round)
		}
		_, err := conn.Write(message[:])
		must(err == nil, "write at the client")
		_, err = io.ReadFull(conn, reply[:])
		must(err == nil && reply == message, "echo")
		sum += uint64(reply[63])
	}
	return sum
}

// httpHello serves "Hello, world!" at j.addr until it is killed.
func httpHello(j job) outcome {
	hello := []byte("Hello, world!")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "13")
		w.Write(hello)
	})
	panic(http.ListenAndServe(j.addr, nil))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err == nil, "listen")
	return listener
}

func dial(listener net.Listener) net.Conn {
	conn, err := net.Dial("tcp", listener.Addr().String())
	must(err == nil, "dial")
	return conn
}
