//! A running `httpd` example with a directory of its own, and a client that is just a socket.

#![expect(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The server as a child process; ends with the test.
pub struct Server {
    pub child: Child,
    pub address: String,
    pub dir: PathBuf,
}

/// Starts the server over a fresh directory with `files`.
pub fn serve(files: &[(&str, &[u8])]) -> Server {
    serve_with(files, Command::new(program()))
}

/// The built example, beside the directory of the test programs.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples/httpd")
}

/// As `serve`, by a command that ends with the program's name.
pub fn serve_with(files: &[(&str, &[u8])], mut command: Command) -> Server {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed); // Relaxed: a unique number.
    let name = format!("gmp-httpd-{}-{next}", std::process::id());
    let dir = std::env::temp_dir().join(name).join("public");
    std::fs::create_dir_all(&dir).unwrap();
    for (path, content) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    command.args(["127.0.0.1:0".as_ref(), dir.as_os_str()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // The child belongs to a `Server` before anything can fail, so that a failure ends it too.
    let mut server = Server { child, address: String::new(), dir };
    server.address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
    server
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(self.dir.parent().unwrap());
    }
}

impl Server {
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Client(BufReader::new(stream))
    }

    /// One request on a connection of its own; `lines` are further header lines.
    pub fn get(&self, target: &str, lines: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!("GET {target} HTTP/1.1\r\nHost: t\r\n{lines}\r\n"));
        client.answer()
    }

    pub fn interrupt(&self) {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::yield_now();
        }
    }
}

pub struct Client(pub BufReader<TcpStream>);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Client {
    pub fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next answer's head; the body is left where it is.
    pub fn head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "cut off after {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: Vec::new() }
    }

    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let length = answer.field("Content-Length").map_or(0, |text| text.parse().unwrap());
        answer.body = vec![0; length];
        self.0.read_exact(&mut answer.body).unwrap();
        answer
    }

    /// Whether the server has ended the connection, and nothing more came.
    pub fn at_end(&mut self) -> bool {
        self.0.read(&mut [0]).unwrap() == 0
    }
}
