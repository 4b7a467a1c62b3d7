module gmp/benches/twins/go/httpd

go 1.24
