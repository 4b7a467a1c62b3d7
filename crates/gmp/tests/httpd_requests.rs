//! The httpd example: what is served, and how.

mod httpd_common;

use httpd_common::serve;

const TEXT: &[u8] = b"0123456789";

#[test]
fn a_connection_is_kept_and_pipelined_requests_are_answered_in_order() {
    let large = vec![b'L'; 1 << 20];
    let server = serve(&[("a.txt", TEXT), ("large", &large), ("index.html", b"root")]);
    let mut client = server.connect();
    let paths = ["/a.txt", "/large", "/", "/missing", "/%61.txt?query"];
    client.send(&paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")).concat());
    let expected: [(u16, &[u8]); 5] =
        [(200, TEXT), (200, &large), (200, b"root"), (404, b"Not Found\n"), (200, TEXT)];
    for (status, body) in expected {
        let answer = client.answer();
        assert_eq!(answer.status, status);
        assert!(answer.body == body, "{}", answer.head);
        assert!(answer.field("Date").is_some());
    }
    client.send("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("close"));
    assert!(client.at_end());
}

#[test]
fn a_request_may_come_byte_by_byte_and_http_1_0_ends_the_connection() {
    let server = serve(&[("a.txt", TEXT)]);
    let mut client = server.connect();
    for byte in "GET /a.txt HTTP/1.0\r\n\r\n".split("") {
        client.send(byte);
    }
    assert_eq!(client.answer().body, TEXT);
    assert!(client.at_end());
}

#[test]
fn ranges() {
    let large: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let server = serve(&[("a.txt", TEXT), ("large", &large)]);
    for (range, status, body, place) in [
        ("0-0", 206, &TEXT[..1], "bytes 0-0/10"),
        ("2-5", 206, &TEXT[2..6], "bytes 2-5/10"),
        ("7-", 206, &TEXT[7..], "bytes 7-9/10"),
        ("-3", 206, &TEXT[7..], "bytes 7-9/10"),
        ("-99", 206, TEXT, "bytes 0-9/10"),
        ("8-99", 206, &TEXT[8..], "bytes 8-9/10"),
    ] {
        let answer = server.get("/a.txt", &format!("Range: bytes={range}\r\n"));
        assert_eq!((answer.status, &answer.body[..]), (status, body), "{range}");
        assert_eq!(answer.field("Content-Range"), Some(place));
    }
    for range in ["10-", "-0", "99999999999999999999-"] {
        let answer = server.get("/a.txt", &format!("Range: bytes={range}\r\n"));
        let wanted = if range.len() > 10 { 200 } else { 416 }; // too large for a number: ignored
        assert_eq!(answer.status, wanted, "{range}");
    }
    assert_eq!(server.get("/a.txt", "Range: bytes=5-2\r\n").status, 200);
    assert_eq!(server.get("/a.txt", "Range: bytes=0-1\r\nIf-Range: \"no\"\r\n").status, 200);
    let answer = server.get("/large", "Range: bytes=1000-299998\r\n");
    assert!(answer.status == 206 && answer.body == large[1000..299_999]);
}

#[test]
fn conditions_and_head() {
    let server = serve(&[("a.html", TEXT)]);
    let whole = server.get("/a.html", "");
    assert_eq!(whole.field("Content-Type"), Some("text/html; charset=utf-8"));
    let (etag, modified) = (whole.field("ETag").unwrap(), whole.field("Last-Modified").unwrap());
    for (lines, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("If-None-Match: *\r\n".into(), 304),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}\r\n"), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".into(), 200),
        ("If-Modified-Since: Sun, 06 Nov 2994 08:49:37 GMT\r\n".into(), 200), // was a Thursday
        (format!("Range: bytes=0-1\r\nIf-Range: {etag}\r\n"), 206),
    ] {
        assert_eq!(server.get("/a.html", &lines).status, status, "{lines}");
    }
    let mut client = server.connect();
    client.send("HEAD /a.html HTTP/1.1\r\nHost: t\r\n\r\nGET /a.html HTTP/1.1\r\nHost: t\r\n\r\n");
    let head = client.head();
    assert_eq!(head.field("Content-Length"), Some("10"));
    assert_eq!(client.answer().body, TEXT, "a body behind the answer to HEAD");
}
