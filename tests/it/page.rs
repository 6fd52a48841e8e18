//! The web page in a real browser: what `tests/page/scripts` do there, each against a server with the demo's store.

#![allow(clippy::print_stdout, reason = "what a script measured is part of what a test run tells")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::server::{Serving, Site};

/// Events of the demo's traffic; its story comes on top.
const EVENTS: &str = "30000";

/// The scripts, and the browser that they drive.
fn needed(name: &str) -> PathBuf {
    let value = std::env::var_os(name).unwrap_or_else(|| {
        panic!("this test needs {name}: run `cargo xtask test --only page`");
    });
    PathBuf::from(value)
}

/// A store as `annals demo` leaves it, filled once for all tests of this run.
fn demo_store() -> &'static Path {
    static FILLED: OnceLock<Site> = OnceLock::new();
    let site = FILLED.get_or_init(|| {
        let site = Site::new();
        let demo = site.annals(&["demo", "--events", EVENTS, "--no-serve"]).output().unwrap();
        assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
        site
    });
    site.dir.path()
}

/// A server on a copy of the demo's store.
fn demo_server(site: &Site) -> Serving<'_> {
    let copied = Command::new("cp").arg("-r").arg(demo_store().join("store")).arg(site.path("store")).status().unwrap();
    assert!(copied.success());
    site.serve(&[])
}

/// Where screenshots are kept after a run.
fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("../target"), PathBuf::from);
    target.join("page")
}

fn run_script(name: &str) {
    let site = Site::new();
    let server = demo_server(&site);
    run_script_at(name, &server.url);
}

fn run_script_at(name: &str, url: &str) {
    let (scripts, chromium) = (needed("ANNALS_PAGE_SCRIPTS"), needed("ANNALS_CHROMIUM"));
    let path = Command::new("sh").args(["-c", "command -v \"$0\""]).arg(chromium).output().unwrap();
    let mut node = Command::new("node");
    node.arg(scripts.join(format!("{name}.mjs"))).arg(url).arg(screenshots());
    node.env("ANNALS_CHROMIUM_PATH", String::from_utf8(path.stdout).unwrap().trim());
    let ran = node.output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
    print!("{}", String::from_utf8_lossy(&said));
}

mod needs_page {
    use super::*;

    #[test]
    fn every_filter_narrows_the_rows_and_stands_in_the_address() {
        run_script("filters");
    }

    #[test]
    fn an_event_expands_error_first_and_hostile_text_stays_text() {
        run_script("expand");
    }

    #[test]
    fn a_trace_shows_what_failed_and_the_runs_beside_it() {
        run_script("trace");
    }

    #[test]
    fn the_live_tail_follows_a_thousand_events_a_second() {
        run_script("tail");
    }

    #[test]
    fn a_hundred_thousand_rows_are_scrolled_through() {
        run_script("scrolling");
    }

    #[test]
    fn statements_are_answered_cancelled_exported_and_shared() {
        run_script("sql");
    }

    #[test]
    fn the_keyboard_is_enough() {
        run_script("keyboard");
    }

    #[test]
    fn every_view_is_accessible_in_both_themes_and_widths() {
        run_script("looks");
    }

    #[test]
    fn a_server_with_a_token_asks_for_it() {
        let site = Site::new();
        std::fs::write(site.path("token"), "a-token-of-enough-characters-1234").unwrap();
        std::fs::set_permissions(site.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let server = site.serve(&["--token-file", site.path("token").to_str().unwrap()]);
        run_script_at("token", &server.url);
    }
}
