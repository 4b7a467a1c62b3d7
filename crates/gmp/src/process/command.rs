//! How a child is started: std's `Command`, with `spawn`, `output` and `status` that park.
//!
//! Everything is delegated; only which streams were chosen is noted here, because `output` captures those that
//! were not. Whoever uses `gmp::process` meets it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{CommandArgs, ExitStatus, Output, Stdio};

use gmp_sched::blocking;

use super::child::Child;

/// A program to be started, with its arguments, environment and streams: std's builder.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let output = gmp::process::Command::new("echo").arg("gopher").output()?; // parks meanwhile
/// assert_eq!(output.stdout, b"gopher\n");
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    inner: std::process::Command,
    /// Which of the three streams were chosen.
    chosen: [bool; 3],
}

impl Command {
    /// A program without arguments, looked for in `PATH`, that inherits everything.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command::from(std::process::Command::new(program))
    }

    /// One more argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.inner.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, key: K, value: V) -> &mut Command {
        self.inner.env(key, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.envs(vars);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.inner.env_remove(key);
        self
    }

    /// Lets it inherit no variable.
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// Where it begins.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.inner.current_dir(dir);
        self
    }

    /// Its standard input; inherited unless chosen, empty for [`output`](Command::output).
    pub fn stdin<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.inner.stdin(stream);
        self.chosen[0] = true;
        self
    }

    /// Its standard output; inherited unless chosen, captured by [`output`](Command::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.inner.stdout(stream);
        self.chosen[1] = true;
        self
    }

    /// Its standard error; inherited unless chosen, captured by [`output`](Command::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.inner.stderr(stream);
        self.chosen[2] = true;
        self
    }

    /// The user it runs as.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.inner.uid(id);
        self
    }

    /// The group it runs as.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.inner.gid(id);
        self
    }

    /// What it sees as its own name.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.inner.arg0(arg);
        self
    }

    /// The process group it joins; 0 is a new one.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.inner.process_group(group);
        self
    }

    /// Runs `f` in the child before the program.
    ///
    /// # Safety
    ///
    /// As for [`std::os::unix::process::CommandExt::pre_exec`]: the child is a copy of a process with many
    /// threads in which only one lives, so `f` must be async-signal-safe. It must not park either.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: passed on.
        unsafe { self.inner.pre_exec(f) };
        self
    }

    /// Becomes the program; returns only if that fails.
    pub fn exec(&mut self) -> io::Error {
        self.inner.exec()
    }

    /// Starts it. Blocks the thread, declared, until the program is executed or cannot be.
    ///
    /// # Errors
    ///
    /// The system's: the program is not found, for one.
    pub fn spawn(&mut self) -> io::Result<Child> {
        blocking(|| self.inner.spawn()).map(Child::new)
    }

    /// Starts it, waits for its end, and gives what it wrote to those streams that were not chosen otherwise.
    /// Parks.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Command::spawn), of reading and of waiting.
    pub fn output(&mut self) -> io::Result<Output> {
        let [stdin, stdout, stderr] = self.chosen;
        let spawned = {
            if !stdin {
                self.inner.stdin(Stdio::null());
            }
            if !stdout {
                self.inner.stdout(Stdio::piped());
            }
            if !stderr {
                self.inner.stderr(Stdio::piped());
            }
            self.spawn()
        };
        // Not chosen means inherited, for the next `spawn` or `status` of this builder.
        if !stdin {
            self.inner.stdin(Stdio::inherit());
        }
        if !stdout {
            self.inner.stdout(Stdio::inherit());
        }
        if !stderr {
            self.inner.stderr(Stdio::inherit());
        }
        spawned?.wait_with_output()
    }

    /// Starts it and waits for its end. Parks.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Command::spawn) and of waiting.
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// The arguments.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// The variables that were set, or removed (`None`).
    pub fn get_envs(&self) -> std::process::CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// Where it begins, if that was chosen.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }
}

impl From<std::process::Command> for Command {
    /// Streams that were chosen on std's builder are not known here: `output` captures them.
    fn from(inner: std::process::Command) -> Command {
        Command { inner, chosen: [false; 3] }
    }
}
