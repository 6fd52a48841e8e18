//! [`Serving`]: a real `annals serve`, started, stopped and killed by a test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::annals;

/// A folder for a store, and the runtime that asks its servers.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) client: reqwest::Client,
}

/// A running server.
pub(crate) struct Serving<'a> {
    site: &'a Site,
    child: Child,
    pub(crate) url: String,
    /// Addresses of OTLP over HTTP and over gRPC, of a server started with `--otlp`.
    pub(crate) otlp: Option<(String, String)>,
    /// What it logged that is no everyday matter, from when it was ready.
    alarms: Arc<Mutex<Vec<String>>>,
}

/// Alarms of one server that are kept.
const ALARMS_MAX: usize = 1_000;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { dir: tempfile::tempdir().unwrap(), runtime, client: reqwest::Client::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `annals` for the store of this site.
    pub(crate) fn annals(&self, arguments: &[&str]) -> Command {
        let mut command = annals();
        command.args(arguments).env("ANNALS_STORE", self.path("store")).current_dir(self.dir.path());
        for name in ["ANNALS_WAL", "ANNALS_SERVER", "ANNALS_TOKEN_FILE", "ANNALS_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// Starts a server on a free port, with half a gigabyte of memory, and waits until it answers.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving<'_> {
        self.serve_with(&[&["--memory", "512MiB"], arguments].concat())
    }

    /// The same with the memory that the arguments give it.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Serving<'_> {
        self.serving(self.serve_command(arguments), arguments.contains(&"--otlp"))
    }

    /// What starts a server on a free port.
    pub(crate) fn serve_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.annals(&["serve", "--http", "127.0.0.1:0", "--log-format", "json"]);
        command.args(arguments);
        command
    }

    /// Starts a server by a command and waits until it answers.
    pub(crate) fn serving(&self, mut command: Command, with_otlp: bool) -> Serving<'_> {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut entry_of = |message: &str| {
            for line in lines.by_ref() {
                let line = line.unwrap();
                let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the server says: {line}"));
                if entry["message"] == message {
                    return entry;
                }
            }
            panic!("the server ended before it said that it is {message}");
        };
        let text = |entry: &Value, member: &str| entry[member].as_str().unwrap().to_owned();
        let url = text(&entry_of("ready"), "http");
        let otlp = with_otlp.then(|| {
            let entry = entry_of("ready for OTLP logs");
            (text(&entry, "http"), text(&entry, "grpc"))
        });
        let alarms = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&alarms);
        // Read to its end, so that it is never blocked.
        std::thread::spawn(move || {
            let is_alarm = |line: &String| line.contains("\"ERROR\"") || line.contains("panicked");
            for line in lines.map_while(Result::ok).filter(is_alarm) {
                let mut heard = heard.lock().unwrap();
                if heard.len() < ALARMS_MAX {
                    heard.push(line);
                }
            }
        });
        Serving { site: self, child, url, otlp, alarms }
    }

    /// The ledger's verdict on what a load was told, against the server at `url`.
    pub(crate) fn audit(&self, url: &str, ledger: &Path) {
        let ledger = ledger.to_str().unwrap();
        let arguments = ["load", "--server", url, "--check-only", "--ledger", ledger, "--format", "json"];
        let output = self.annals(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(verdict.to_string().contains("acked"), "{said}");
    }
}

impl Serving<'_> {
    pub(crate) fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        self.site.runtime.block_on(async {
            let response = request.send().await.unwrap();
            Answer { status: response.status().as_u16(), body: response.bytes().await.unwrap().to_vec() }
        })
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.site.client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(self.request("GET", path))
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.ask(self.request("POST", path).body(body))
    }

    /// The first value of the first row of a statement's answer.
    pub(crate) fn sql(&self, statement: &str) -> Value {
        let request = self.request("POST", "/v1/sql").header("content-type", "text/plain").body(statement.to_owned());
        let answer = self.ask(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let row = answer.json()["rows"][0].clone();
        row.as_object().and_then(|row| row.values().next().cloned()).unwrap_or(Value::Null)
    }

    /// Errors and panics in its log so far.
    pub(crate) fn alarms(&self) -> Vec<String> {
        self.alarms.lock().unwrap().clone()
    }

    /// A figure of its process that Linux tells in KiB, in bytes: `VmRSS`, what it holds; `VmHWM`, the most it held.
    pub(crate) fn memory_bytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        value.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Forgets the most that its process held until now.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        // A test that failed must not leave its server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
