module gmp/benches/twins/go/bench

go 1.24
