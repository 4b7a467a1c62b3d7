//! The picture.
//!
//! ```text
//!   title: process, goroutines, threads, rates
//!   ┌ processors ──────────────┐┌ states ─────────┐
//!   │ P0 queue what it runs    ││ chan receive  9 │
//!   └──────────────────────────┘└─────────────────┘
//!   ┌ p99 of the wait to run: sparkline ──────────┐
//!   ┌ spawn sites ────────────────────────────────┐
//!   keys, filter, messages
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table};

use crate::app::{App, busy};
use crate::client::{Proc, Site, Snapshot};

/// Draws the view.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let procs = app.snapshot.procs.len().clamp(3, 16) as u16 + 2;
    let rows = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(procs),
        Constraint::Length(5),
        Constraint::Min(4),
        Constraint::Length(1),
    ]);
    let [head, top, latency, sites, foot] = rows.areas(frame.area());
    let [procs, states] =
        Layout::horizontal([Constraint::Percentage(68), Constraint::Fill(1)]).areas(top);
    title(frame, head, app);
    processors(frame, procs, &app.snapshot);
    by_state(frame, states, &app.snapshot);
    latencies(frame, latency, app);
    by_site(frame, sites, app);
    footer(frame, foot, app);
}

fn title(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let (s, r) = (&app.snapshot, &app.rates);
    let first = format!(
        "gmp-top  pid {}  up {}  goroutines {}  threads {} ({} idle, {} searching)  global queue {}",
        s.pid,
        seconds(s.uptime_ms),
        s.goroutines,
        s.threads.all,
        s.threads.idle,
        s.threads.searching,
        s.global_queue
    );
    let second = format!(
        "per second: {:.0} switches  {:.0} steals  {:.0} preemptions  {:.0} hand-offs",
        r.switches, r.steals, r.preemptions, r.handoffs
    );
    frame.render_widget(Paragraph::new(vec![Line::from(first).bold(), Line::from(second)]), area);
}

fn seconds(ms: u64) -> String {
    format!("{:.0}s", ms as f64 / 1000.0)
}

/// What a processor does, in words.
fn runs(p: &Proc) -> String {
    match (p.g, p.m) {
        (Some(g), _) if p.name.is_empty() => format!("G{g} of {}", p.at),
        (Some(g), _) => format!("G{g} {} of {}", p.name, p.at),
        (None, Some(_)) => "the scheduler".to_owned(),
        (None, None) => "idle".to_owned(),
    }
}

fn processors(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let rows = snapshot.procs.iter().map(|p| {
        let m = p.m.map_or_else(String::new, |m| format!("M{m}"));
        Row::new([format!("P{}", p.p), m, p.queued.to_string(), runs(p)])
    });
    let widths =
        [Constraint::Length(5), Constraint::Length(6), Constraint::Length(6), Constraint::Fill(1)];
    let head = Row::new(["P", "thread", "queue", "runs"]).style(Style::new().dim());
    let block = Block::bordered().title(" processors ");
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn by_state(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let rows = snapshot.states.iter().map(|(state, n)| Row::new([n.to_string(), state.clone()]));
    let widths = [Constraint::Length(8), Constraint::Fill(1)];
    let block = Block::bordered().title(" states ");
    frame.render_widget(Table::new(rows, widths).block(block), area);
}

fn latencies(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let title = format!(" wait to run, p99 below {:?} ", Duration::from_nanos(app.rates.p99));
    let width = usize::from(area.width.saturating_sub(2));
    // By its logarithm, from a microsecond up: what is of interest lies between 1 µs and 1 s.
    let height = |&ns: &u64| u64::from((ns.max(1) >> 10).checked_ilog2().map_or(0, |log| log + 1));
    let skip = app.history.len().saturating_sub(width);
    let data: Vec<u64> = app.history.iter().skip(skip).map(height).collect();
    let block = Block::bordered().title(title);
    frame.render_widget(Sparkline::default().data(&data).max(20).block(block), area);
}

fn states_of(site: &Site) -> String {
    let mut states: Vec<&(String, usize)> = site.states.iter().collect();
    states.sort_by_key(|s| (std::cmp::Reverse(s.1), &s.0));
    states.iter().map(|(state, n)| format!("{n} {state}")).collect::<Vec<_>>().join(", ")
}

fn by_site(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let sites = app.sites();
    let rows = sites.iter().skip(app.scroll).map(|site| {
        Row::new([site.count.to_string(), busy(site).to_string(), site.at.clone(), states_of(site)])
    });
    let widths =
        [Constraint::Length(8), Constraint::Length(6), Constraint::Fill(2), Constraint::Fill(3)];
    let head = Row::new(["count", "busy", "spawned at", "states"]).style(Style::new().dim());
    let title = format!(" spawn sites by {}: {} ", app.order.name(), sites.len());
    let block = Block::bordered().title(title);
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn footer(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let text = if app.typing {
        format!("filter: {}_", app.filter)
    } else if !app.message.is_empty() {
        app.message.clone()
    } else {
        let mut keys = "s sort  / filter  d dump  f flight  p pause  q quit".to_owned();
        if !app.filter.is_empty() {
            // Writing to a String does not fail, here and below.
            let _ = write!(keys, "   [filter: {}]", app.filter);
        }
        if app.paused {
            keys.push_str("   [paused]");
        }
        keys
    };
    frame.render_widget(Paragraph::new(text).reversed(), area);
}

/// A snapshot as plain text, for where there is no terminal.
pub fn plain(snapshot: &Snapshot) -> String {
    let s = snapshot;
    let mut text = format!(
        "pid {}, {} goroutines, {} threads ({} idle), global queue {}\n\n",
        s.pid, s.goroutines, s.threads.all, s.threads.idle, s.global_queue
    );
    for p in &s.procs {
        let _ = writeln!(text, "P{:<4} queue {:<5} {}", p.p, p.queued, runs(p));
    }
    text.push('\n');
    for (state, n) in &s.states {
        let _ = writeln!(text, "{n:>8} {state}");
    }
    text.push('\n');
    let mut app = App::new();
    app.update(snapshot.clone());
    for site in app.sites() {
        let _ = writeln!(text, "{:>8} {}  {}", site.count, site.at, states_of(site));
    }
    text
}
