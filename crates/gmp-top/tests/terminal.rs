//! The whole thing: a gmp process, `gmp-top` attached to it in a real terminal (tmux), keys, and what is on the screen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const CASE: &str = "GMP_TEST_CASE";
/// How long the screen may take to show something: a second passes between two snapshots.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is looked at: a hog, a crowd that waits, and sleepers.
fn program() {
    let (tx, rx) = gmp::chan::bounded::<()>(0);
    (0..500).for_each(|_| {
        let rx = rx.clone();
        gmp::go(move || rx.recv());
    });
    (0..7).for_each(|_| drop(gmp::go(|| gmp::time::sleep(Duration::from_secs(3600)))));
    let hog = gmp::Builder::new().name("the-hog");
    hog.spawn(|| while std::hint::black_box(true) {}).unwrap();
    gmp::chan::never::<()>().recv().unwrap_err();
    drop(tx);
}

/// Ends what it holds, and removes the folder.
struct Fixture {
    program: Child,
    folder: PathBuf,
    tmux: String,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = std::env::temp_dir().join(format!("gmp-top-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["in_a_terminal", "--exact", "--nocapture"]).env(CASE, "x");
        program.env("GOMAXPROCS", "2").env("GMP_TOP", folder.join("sock"));
        let program = program.stdout(Stdio::null()).spawn().unwrap();
        Fixture { program, folder, tmux: format!("gmp-top-{}", std::process::id()) }
    }

    fn tmux(&self, args: &[&str]) -> Output {
        Command::new("tmux").args(["-L", &self.tmux]).args(args).output().unwrap()
    }

    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-t", "top"]).stdout).unwrap()
    }

    fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys", "-t", "top"], keys].concat()).status.success());
    }

    /// Waits until the screen is as it should be.
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}:\n{screen}");
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // They may have ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = self.tmux(&["kill-server"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < PATIENCE, "{} does not come", path.display());
        std::thread::yield_now();
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "says why it was skipped")]
fn in_a_terminal() {
    if std::env::var_os(CASE).is_some() {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(program) };
    }
    if Command::new("tmux").arg("-V").output().is_err() {
        return println!("skipped: there is no tmux");
    }
    let fixture = Fixture::new();
    wait_for(&fixture.folder.join("sock"));
    let command = format!("{} sock; echo ended with $?; cat", env!("CARGO_BIN_EXE_gmp-top"));
    let folder = fixture.folder.to_str().unwrap();
    let session = ["new-session", "-d", "-s", "top", "-x", "120", "-y", "40", "-c", folder];
    let started = fixture.tmux(&[&session[..], &[&command]].concat());
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));

    let screen = fixture.until("the view", |s| s.contains("500 chan receive"));
    assert!(screen.contains("goroutines 509") && screen.contains(" the-hog of "), "{screen}");
    assert!(screen.contains("spawn sites by count: 4"), "{screen}");
    let line = |screen: &str, words: &str| screen.lines().position(|l| l.contains(words));
    assert!(line(&screen, "500 chan receive") < line(&screen, "7 sleep"), "{screen}");

    fixture.press(&["s"]);
    let screen = fixture.until("sorted", |s| s.contains("by busy"));
    assert!(line(&screen, "1 running") < line(&screen, "500 chan receive"), "{screen}");
    fixture.press(&["/", "s", "l", "e", "e", "p", "Enter"]);
    let screen = fixture.until("filtered", |s| s.contains("[filter: sleep]"));
    assert!(screen.contains("by busy: 1 ") && screen.contains("7 sleep"), "{screen}");
    fixture.press(&["d"]);
    fixture.until("dumped", |s| s.contains("wrote ") && s.contains("gmp-dump-1.txt"));
    let dump = std::fs::read_to_string(fixture.folder.join("gmp-dump-1.txt")).unwrap();
    assert!(dump.contains(" the-hog [") && dump.contains("terminal::program"), "{dump}");
    fixture.press(&["f"]);
    fixture.until("no recorder", |s| s.contains("no flight recorder runs"));
    fixture.press(&["q"]);
    fixture.until("the end", |s| s.contains("ended with 0"));
}
