//! Progress of long work on a terminal's standard error; silent in a pipe.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes, or a spinner where the total is unknown.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Over `total_bytes` of input. Hidden when `quiet` or when standard error is no terminal.
    pub(crate) fn over_bytes(total_bytes: Option<u64>, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let (bar, template) = match total_bytes {
            Some(total) => (
                ProgressBar::new(total),
                "{bar:30.cyan/blue} {percent:>3}%  {binary_bytes}/{binary_total_bytes}  {msg}  {eta} left",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes}  {msg}  {elapsed}"),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Over a count of things.
    pub(crate) fn over_items(total: u64, noun: &str, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new(total);
        let template = format!("{{bar:30.cyan/blue}} {{percent:>3}}%  {{pos}}/{{len}} {noun}  {{msg}}  {{eta}} left");
        bar.set_style(ProgressStyle::with_template(&template).expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    pub(crate) fn set(&self, position: u64, message: String) {
        self.bar.set_position(position);
        self.bar.set_message(message);
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
