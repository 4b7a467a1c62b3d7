//! `cargo xtask bench`: every workload, every runtime, one table.
//!
//! The programs are built, then take turns: round by round, workload by workload, so that a machine
//! that slows down slows all of them down. What the workloads are stands in `benches/README.md`;
//! this file holds the options and the order of events, the folder the parts:
//! [`options`], [`build`] and [`peers`] (programs), [`rounds`], [`http`] and [`idle`] (measuring),
//! [`results`] (medians, verdicts, comparison), [`store`] (JSON), [`markdown`], [`html`],
//! [`chart`] and [`scaling`] (reports), [`machine`] (what it ran on), [`warm`] (its memory), [`progress`] (how
//! far it is), [`bundle`] (for machines without toolchains).

mod build;
mod bundle;
mod chart;
mod html;
mod http;
mod idle;
mod machine;
mod markdown;
mod options;
mod peers;
mod progress;
mod results;
mod rounds;
mod scaling;
mod store;
mod warm;

use std::fs;
use std::path::{Path, PathBuf};

use options::Options;

use crate::files::write;

/// Runs the task; see `cargo xtask bench --help`. Blocks the thread for minutes.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    // Not for people: the other ends of `http_idle_*`.
    if let [key, addr, connections] = args {
        if key == "--hold" {
            return idle::hold(addr, connections);
        }
    }
    let Some(options) = Options::parse(args)? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    let home = crate::cargo::target_dir()?.join("bench");
    fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    if let Some(lines) = &options.scaling {
        return scaling::report(lines, &home);
    }
    // Before an hour of measuring, not after it.
    let earlier = options.compare.as_ref().map(|name| store::load(&saved(&home, name)));
    let earlier = earlier.transpose()?;
    if let Some(folder) = &options.bundle {
        return bundle::write(folder, &home);
    }
    let results = match &options.report {
        Some(file) => store::load(file)?,
        None => rounds::all(&build::all(&home, &options)?, &home, &options)?,
    };
    let report = results.report(earlier.as_ref());
    write(&home.join("report.json"), &store::text(&results))?;
    write(&home.join("report.md"), &markdown::text(&report))?;
    write(&home.join("report.html"), &html::text(&report)?)?;
    if let Some(name) = &options.save {
        write(&saved(&home, name), &store::text(&results))?;
    }
    println!("\n{}", markdown::text(&report));
    println!("written: {}/report.{{md,json,html}}", home.display());
    match results.broken() {
        broken if broken.is_empty() => Ok(()),
        broken => Err(broken.join("\n")),
    }
}

fn saved(home: &Path, name: &str) -> PathBuf {
    home.join("saved").join(format!("{name}.json"))
}
