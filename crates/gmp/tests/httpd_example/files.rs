//! The httpd example serves real files: types, indexes, ranges, conditions.

use std::fs;

use crate::support::{Httpd, large};

#[test]
fn files_and_indexes() {
    let httpd = Httpd::start();
    let hello = httpd.get("/hello.txt");
    assert_eq!((hello.status, hello.text()), (200, "Hello, gopher!\n"));
    assert_eq!(hello.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(hello.header("date").is_some_and(|d| d.ends_with(" GMT") && d.len() == 29));
    assert_eq!(httpd.get("/").text(), "<h1>index</h1>");
    assert_eq!(httpd.get("/sub/").text(), "<h1>sub</h1>");
    assert_eq!(httpd.get("/alias.txt?query=1").text(), "Hello, gopher!\n");
    assert_eq!(httpd.get("http://test/hello.txt").text(), "Hello, gopher!\n");
    assert_eq!(httpd.get("//hello.txt").status, 200);
    assert_eq!(httpd.get("/empty").body, b"");
    let spaced = httpd.get("/a%20b%2Bc.json");
    assert_eq!((spaced.status, spaced.header("content-type")), (200, Some("application/json")));
    let moved = httpd.get("/sub");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/sub/")));
    assert_eq!(httpd.get("//sub").header("location"), Some("/sub/"), "not another host");
}

#[test]
fn large_files_and_head() {
    let httpd = Httpd::start();
    assert!(httpd.get("/large.bin").body == large());
    for path in ["/large.bin", "/hello.txt"] {
        let (get, head) = (httpd.get(path), httpd.request("HEAD", path, ""));
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        for name in ["content-length", "content-type", "etag", "last-modified", "accept-ranges"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[test]
fn ranges() {
    let httpd = Httpd::start();
    let range = |path, range: &str| httpd.request("GET", path, &format!("Range: {range}\r\n"));
    let part = range("/hello.txt", "bytes=7-12");
    assert_eq!((part.status, part.text()), (206, "gopher"));
    assert_eq!(part.header("content-range"), Some("bytes 7-12/15"));
    assert_eq!(range("/hello.txt", "bytes=7-").text(), "gopher!\n");
    assert_eq!(range("/hello.txt", "bytes=-3").text(), "r!\n");
    assert_eq!(range("/hello.txt", "bytes=-900").text(), "Hello, gopher!\n");
    assert_eq!(range("/hello.txt", "bytes=10-900").text(), "her!\n");
    let bytes = range("/large.bin", "bytes=1000000-2500000");
    assert_eq!(bytes.status, 206);
    assert!(bytes.body == large()[1_000_000..=2_500_000]);
    for nothing in ["bytes=15-", "bytes=99-100", "bytes=-0"] {
        let refused = range("/hello.txt", nothing);
        assert_eq!((refused.status, refused.header("content-range")), (416, Some("bytes */15")));
    }
    assert_eq!(range("/empty", "bytes=0-").status, 416);
    for ignored in ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes", "bytes=+1-2"] {
        assert_eq!(range("/hello.txt", ignored).status, 200, "{ignored}");
    }
}

#[test]
fn conditions() {
    let httpd = Httpd::start();
    let hello = httpd.get("/hello.txt");
    let (etag, time) = (hello.header("etag").unwrap(), hello.header("last-modified").unwrap());
    let status = |headers: String| httpd.request("GET", "/hello.txt", &headers).status;
    assert_eq!(status(format!("If-None-Match: {etag}\r\n")), 304);
    assert_eq!(status(format!("If-None-Match: \"x\", W/{etag}\r\n")), 304);
    assert_eq!(status(format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n")), 304);
    assert_eq!(status("If-None-Match: *\r\n".into()), 304);
    assert_eq!(status("If-None-Match: \"x\"\r\n".into()), 200);
    assert_eq!(status(format!("If-Modified-Since: {time}\r\n")), 304);
    assert_eq!(status("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".into()), 200);
    assert_eq!(status("If-Modified-Since: Saturday, 01-Jan-39 00:00:00 GMT\r\n".into()), 304);
    assert_eq!(status("If-Modified-Since: Sat Jan  1 00:00:00 2039\r\n".into()), 304);
    assert_eq!(status("If-Modified-Since: yesterday\r\n".into()), 200);
    // The tag is stronger than the time.
    assert_eq!(status(format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {time}\r\n")), 200);
    let range = "Range: bytes=0-4\r\n";
    assert_eq!(status(format!("{range}If-Range: {etag}\r\n")), 206);
    assert_eq!(status(format!("{range}If-Range: W/{etag}\r\n")), 200);
    assert_eq!(status(format!("{range}If-Range: {time}\r\n")), 206);
    assert_eq!(status(format!("{range}If-Range: \"x\"\r\n")), 200);
    assert_eq!(status(format!("{range}If-None-Match: {etag}\r\n")), 304);
}

#[test]
fn a_changed_file_shows_within_a_second_or_two() {
    let httpd = Httpd::start();
    let before = httpd.get("/hello.txt");
    fs::write(httpd.directory.join("hello.txt"), "new").unwrap();
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let after = loop {
        let now = httpd.get("/hello.txt");
        if now.text() == "new" {
            break now;
        }
        assert!(std::time::Instant::now() < limit, "the old content stays");
    };
    assert_ne!(after.header("etag"), before.header("etag"));
    fs::remove_file(httpd.directory.join("hello.txt")).unwrap();
    while httpd.get("/hello.txt").status != 404 {
        assert!(std::time::Instant::now() < limit + std::time::Duration::from_secs(5));
    }
}
