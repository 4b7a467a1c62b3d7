//! What is shown, and what the keys do to it.

use std::cmp::Reverse;
use std::collections::VecDeque;

use ratatui::crossterm::event::KeyCode;

use crate::client::{Site, Snapshot};
use crate::rates::Rates;

/// Latencies that are remembered: two minutes.
const HISTORY: usize = 120;

/// By what spawn sites are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The most goroutines first.
    #[default]
    Count,
    /// The most that run or could run first.
    Busy,
    /// By file and line.
    Place,
}

impl Order {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Order::Count => "count",
            Order::Busy => "busy",
            Order::Place => "place",
        }
    }
}

/// What a key asks of whoever has the connection.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing more.
    None,
    /// A dump into a file.
    Dump,
    /// The flight recorder's trace into a file.
    Flight,
    /// The end.
    Quit,
}

/// The state of the view.
#[derive(Debug, Default)]
pub struct App {
    pub(crate) snapshot: Snapshot,
    pub(crate) rates: Rates,
    /// p99 latencies in nanoseconds, the newest last.
    pub(crate) history: VecDeque<u64>,
    pub(crate) order: Order,
    pub(crate) filter: String,
    /// The filter is being typed.
    pub(crate) typing: bool,
    pub(crate) paused: bool,
    pub(crate) scroll: usize,
    pub(crate) message: String,
}

impl App {
    /// Nothing to show yet.
    pub fn new() -> App {
        App::default()
    }

    /// Takes in a snapshot.
    pub fn update(&mut self, snapshot: Snapshot) {
        if self.snapshot.version != 0 {
            self.rates = Rates::between(&self.snapshot, &snapshot);
            self.history.push_back(self.rates.p99);
            while self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        self.snapshot = snapshot;
    }

    /// Whether snapshots are wanted.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Says something in the last line.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = message.into();
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyCode) -> Reaction {
        if self.typing {
            match key {
                KeyCode::Enter => self.typing = false,
                KeyCode::Esc => (self.typing, self.filter) = (false, String::new()),
                KeyCode::Backspace => drop(self.filter.pop()),
                KeyCode::Char(c) => self.filter.push(c),
                _ => {}
            }
            self.scroll = 0;
            return Reaction::None;
        }
        self.message.clear();
        match key {
            KeyCode::Char('q') => return Reaction::Quit,
            KeyCode::Char('d') => return Reaction::Dump,
            KeyCode::Char('f') => return Reaction::Flight,
            KeyCode::Char('p') => self.paused = !self.paused,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('s') => {
                self.order = match self.order {
                    Order::Count => Order::Busy,
                    Order::Busy => Order::Place,
                    Order::Place => Order::Count,
                }
            }
            KeyCode::Down => {
                self.scroll = (self.scroll + 1).min(self.sites().len().saturating_sub(1))
            }
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            _ => {}
        }
        Reaction::None
    }

    /// The spawn sites that the filter lets through, sorted.
    pub(crate) fn sites(&self) -> Vec<&Site> {
        let matches = |site: &&Site| {
            site.at.contains(&self.filter) || site.states.iter().any(|s| s.0.contains(&self.filter))
        };
        let mut sites: Vec<&Site> = self.snapshot.sites.iter().filter(matches).collect();
        match self.order {
            Order::Count => sites.sort_by_key(|s| (Reverse(s.count), &s.at)),
            Order::Busy => sites.sort_by_key(|s| (Reverse(busy(s)), Reverse(s.count), &s.at)),
            Order::Place => sites.sort_by_key(|s| &s.at),
        }
        sites
    }
}

/// How many of a site run or could run.
pub(crate) fn busy(site: &Site) -> usize {
    let busy = |s: &&(String, usize)| matches!(&*s.0, "running" | "runnable" | "preempted");
    site.states.iter().filter(busy).map(|s| s.1).sum()
}
