//! A running httpd example on a directory of its own, and a client that sees bytes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The server, killed when dropped.
pub(crate) struct Httpd {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) directory: PathBuf,
}

/// The bytes of the large file.
pub(crate) fn large() -> Vec<u8> {
    (0..3_000_000u32).map(|i| (i % 251) as u8).collect()
}

impl Httpd {
    /// Starts the example that cargo has built next to this test, on a fresh directory.
    pub(crate) fn start() -> Httpd {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("gmp-httpd-{}-{number}", std::process::id()));
        let directory = base.join("root");
        fs::create_dir_all(directory.join("sub")).unwrap();
        fs::write(directory.join("hello.txt"), "Hello, gopher!\n").unwrap();
        fs::write(directory.join("index.html"), "<h1>index</h1>").unwrap();
        fs::write(directory.join("a b+c.json"), "{}").unwrap();
        fs::write(directory.join("empty"), "").unwrap();
        fs::write(directory.join("large.bin"), large()).unwrap();
        fs::write(directory.join("sub/index.html"), "<h1>sub</h1>").unwrap();
        fs::create_dir(directory.join("bare")).unwrap();
        fs::write(base.join("secret.txt"), "outside").unwrap();
        std::os::unix::fs::symlink("../secret.txt", directory.join("escape.txt")).unwrap();
        std::os::unix::fs::symlink("hello.txt", directory.join("alias.txt")).unwrap();

        let mut child = Command::new(example())
            .arg("127.0.0.1:0")
            .arg(&directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Httpd { child, address, directory }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends raw bytes on a new connection and reads until the server closes it.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// One request on a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str) -> Response {
        let mut stream = self.connect();
        let text =
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        Response::read(&mut BufReader::new(stream), method == "HEAD")
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, "")
    }

    /// A line of `/proc/PID/status`.
    pub(crate) fn threads(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("Threads:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: takes no pointers; the child is ours and not reaped yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None => assert!(Instant::now() < limit, "the server does not end"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(self.directory.parent().unwrap());
    }
}

/// The example's binary: in `examples`, beside the folder of this test. `cargo test` builds it, unless it was
/// told to build certain targets only; then it is built here.
fn example() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let binary = profile.join("examples/httpd");
        if !binary.exists() {
            let release = profile.ends_with("release").then_some("--release");
            let built = Command::new(env!("CARGO"))
                .args(["build", "--package", "gmp", "--example", "httpd", "--target-dir"])
                .arg(profile.parent().unwrap())
                .args(release)
                .status();
            assert!(built.unwrap().success() && binary.exists());
        }
        binary
    });
    &BINARY
}

/// A response, taken apart.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads one response, and not a byte more.
    pub(crate) fn read(from: &mut impl BufRead, head_only: bool) -> Response {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(from.read_line(&mut line).unwrap() > 0, "closed in the head: {lines:?}");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines[0].strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let headers: Vec<_> = lines[1..]
            .iter()
            .map(|l| l.split_once(": ").map(|(n, v)| (n.to_lowercase(), v.to_owned())).unwrap())
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        if !head_only && status != 304 {
            response.body = vec![0; response.header("content-length").unwrap().parse().unwrap()];
            from.read_exact(&mut response.body).unwrap();
        }
        response
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
