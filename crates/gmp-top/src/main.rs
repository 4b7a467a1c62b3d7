//! `gmp-top PATH`: attaches to the process that was started with `GMP_TOP=PATH` and shows it until `q`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gmp_top::{App, Client, Reaction, draw, plain};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

/// How often a snapshot is taken.
const EVERY: Duration = Duration::from_secs(1);

const USAGE: &str = "usage: gmp-top [--once] PATH\n\nPATH is the socket of a process that was started with GMP_TOP=PATH.\n";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let once = args.first().is_some_and(|arg| arg == "--once");
    let path = match &args[usize::from(once)..] {
        [path] if !path.to_string_lossy().starts_with('-') => PathBuf::from(path),
        _ => {
            // If stderr is gone there is nobody to tell, here and below.
            let _ = io::stderr().write_all(USAGE.as_bytes());
            return ExitCode::from(2);
        }
    };
    match run(&path, once) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "gmp-top: {}: {e}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, once: bool) -> io::Result<()> {
    let mut client = Client::attach(path)?;
    if once {
        return io::stdout().write_all(plain(&client.snapshot()?).as_bytes());
    }
    let mut app = App::new();
    app.update(client.snapshot()?);
    let mut terminal = ratatui::try_init()?;
    let result = view(&mut terminal, &mut client, &mut app);
    ratatui::restore();
    result
}

fn view(terminal: &mut DefaultTerminal, client: &mut Client, app: &mut App) -> io::Result<()> {
    let mut next = Instant::now() + EVERY;
    loop {
        terminal.draw(|frame| draw(frame, app))?;
        if event::poll(next.saturating_duration_since(Instant::now()))? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match app.key(key.code) {
                Reaction::Quit => return Ok(()),
                Reaction::Dump => {
                    let dump = client.dump()?;
                    app.say(save("dump", "txt", &dump));
                }
                Reaction::Flight => {
                    let trace = client.flight()?;
                    app.say(if trace.is_empty() {
                        "no flight recorder runs: start the program with GMP_FLIGHT=file".to_owned()
                    } else {
                        save("flight", "json", &trace)
                    });
                }
                Reaction::None => {}
            }
            continue;
        }
        next = Instant::now() + EVERY;
        if !app.is_paused() {
            app.update(client.snapshot()?);
        }
    }
}

/// Writes a file that does not exist yet; what to tell about it.
fn save(what: &str, suffix: &str, content: &[u8]) -> String {
    for n in 1.. {
        let path =
            std::env::current_dir().unwrap_or_default().join(format!("gmp-{what}-{n}.{suffix}"));
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                return match file.write_all(content) {
                    Ok(()) => format!("wrote {}", path.display()),
                    Err(e) => format!("{}: {e}", path.display()),
                };
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return format!("{}: {e}", path.display()),
        }
    }
    String::new()
}
