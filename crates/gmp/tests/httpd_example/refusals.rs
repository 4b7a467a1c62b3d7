//! What the httpd example refuses, and with which status: nothing outside its directory, no half requests.

use crate::support::Httpd;

/// The status of the last response to raw bytes.
fn status(httpd: &Httpd, request: &[u8]) -> String {
    let response = httpd.raw(request);
    response.get(9..12).unwrap_or(&response).to_owned()
}

#[test]
fn no_path_leads_out() {
    let httpd = Httpd::start();
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2E/secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/escape.txt",
        "/hello.txt/..",
    ] {
        let response = httpd.get(path);
        assert_eq!(response.status, 403, "{path}");
        assert!(!response.text().contains("outside"));
    }
    for path in ["/..%2fsecret.txt", "/%2fetc%2fpasswd", "/sub%2f..%2f..%2fsecret.txt", "/nothing"]
    {
        assert_eq!(httpd.get(path).status, 404, "{path}");
    }
    assert_eq!(httpd.get(&format!("/{}", "x".repeat(5_000))).status, 404);
    assert_eq!(httpd.get("/hello.txt/").status, 404);
    assert_eq!(httpd.get("/bare/").status, 403);
    for path in ["/%00", "/hello.txt%00.html", "/%zz", "/%", "/%2"] {
        assert_eq!(httpd.get(path).status, 400, "{path}");
    }
}

#[test]
fn what_is_no_file_is_not_served() {
    let httpd = Httpd::start();
    let path = httpd.directory.join("pipe");
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: a string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }, 0);
    // Opening it must not wait for a writer either.
    assert_eq!(httpd.get("/pipe").status, 403);
}

#[test]
fn malformed_requests() {
    let httpd = Httpd::start();
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        ("GET hello.txt HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "413"),
    ] {
        assert_eq!(status(&httpd, request.as_bytes()), expected, "{request:?}");
    }
    assert_eq!(status(&httpd, b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe\r\n\r\n"), "400");
}

#[test]
fn methods() {
    let httpd = Httpd::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let response = httpd.request(method, "/hello.txt", "Content-Length: 0\r\n");
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    assert_eq!(
        status(&httpd, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "405"
    );
    assert_eq!(
        status(&httpd, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "405"
    );
}

#[test]
fn heads_that_are_too_large() {
    let httpd = Httpd::start();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(status(&httpd, long.as_bytes()), "431");
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(status(&httpd, many.as_bytes()), "431");
    let fits = format!("GET /hello.txt HTTP/1.0\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(status(&httpd, fits.as_bytes()), "200");
}
