//! ureq with our transport, fetching from the example httpd, which runs as a program of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gmp::net::TcpListener;

/// The server, killed when dropped.
struct Httpd(Child);

impl Drop for Httpd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[gmp::test(unsafe)]
fn files_from_httpd() {
    let directory = std::env::temp_dir().join(format!("gmp-ureq-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let content = "0123456789".repeat(100_000);
    std::fs::write(directory.join("file.txt"), &content).unwrap();
    let examples = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples");
    let mut command = Command::new(examples.join("httpd"));
    command.arg("127.0.0.1:0").arg(&directory).stdout(Stdio::piped());
    let mut httpd = Httpd(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(httpd.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let start = line.find("127.0.0.1:").expect("the server says where it listens");
    let digits = |c: &char| c.is_ascii_digit() || *c == '.' || *c == ':';
    let address: String = line[start..].chars().take_while(digits).collect();

    let agent = gmp_interop::fetch::agent();
    gmp::scope(|s| {
        for _ in 0..20 {
            let (agent, address, content) = (&agent, &address, &content);
            s.go(move || {
                for _ in 0..5 {
                    let url = format!("http://{address}/file.txt");
                    let mut response = agent.get(url).call().unwrap();
                    assert!(response.body_mut().read_to_string().unwrap() == *content);
                }
                let missing = agent.get(format!("http://{address}/none")).call().unwrap_err();
                assert!(matches!(missing, ureq::Error::StatusCode(404)), "{missing}");
            });
        }
    });
    std::fs::remove_dir_all(&directory).unwrap();
}

#[gmp::test(unsafe)]
fn a_server_that_says_nothing_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let agent = gmp_interop::fetch::agent();
    let request = agent.get(url).config().timeout_recv_response(Some(Duration::from_millis(20)));
    let error = request.build().call().unwrap_err();
    assert!(matches!(error, ureq::Error::Timeout(_)), "{error}");
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(agent.get(format!("http://{refused}/")).call(), Err(ureq::Error::Io(_))));
}
