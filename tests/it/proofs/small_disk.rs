//! Promise 4 on a disk that is really full: a server on a small file system of its own, filled until it refuses. Reads go
//! on; once there is room, writing goes on by itself; and after a kill everything acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::server::{Serving, Site};

/// Two segments of the log of 32 MiB, one of them prepared ahead, the small log of dead letters, and little more.
const DISK_MIB: u64 = 128;
/// A file in the way, which makes room when it goes: more than the next segment.
const BALLAST_MIB: u64 = 48;
/// Text of an event; chance, so that it does not compress.
const EVENT_BYTES: usize = 200_000;

/// A file system in memory that no other process sees, mounted on the site's folder `disk`.
struct SmallDisk {
    holder: Child,
}

impl SmallDisk {
    fn mount(site: &Site) -> Self {
        let disk = site.path("disk");
        std::fs::create_dir(&disk).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={DISK_MIB}m tmpfs {0} && head -c {BALLAST_MIB}M /dev/zero > {0}/ballast && echo ready && read -r end",
            disk.display()
        );
        let mut holder = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "this test needs a mount namespace: run `cargo xtask test --only mount`");
        Self { holder }
    }

    /// The same command, run where the disk is seen. It keeps the id of the process that is started.
    fn enter(&self, command: &Command) -> Command {
        let mut entered = Command::new("nsenter");
        entered.args(["--target", &self.holder.id().to_string(), "--user", "--mount", "--preserve-credentials"]);
        entered.arg(format!("--wd={}", command.get_current_dir().unwrap().display()));
        entered.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entered.env(name, value),
                None => entered.env_remove(name),
            };
        }
        entered
    }

    /// A path of the disk as this process sees it.
    fn seen(&self, site: &Site, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{name}", self.holder.id(), site.path("disk").display()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The disk goes with the last process that sees it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Sends numbered events, one a request.
struct Sender<'a> {
    server: &'a Serving<'a>,
    next: u64,
    acknowledged: u64,
    text: String,
}

impl Sender<'_> {
    /// Sends one event and answers the status.
    fn send(&mut self) -> u16 {
        let mut body = Vec::new();
        // From another letter on each time, so that no two are alike.
        let (end, start) = self.text.split_at(self.next as usize * 97 % EVENT_BYTES);
        write!(body, r#"{{"type":"t","projectId":"p","message":"{}","payload":"{start}{end}"}}"#, self.next).unwrap();
        let answer = self.server.post("/v1/events", body);
        self.next += 1;
        if answer.status == 200 {
            assert_eq!(answer.json()["accepted"], 1);
            self.acknowledged += 1;
        } else {
            let problem = answer.json();
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        }
        answer.status
    }
}

/// Letters of chance.
fn noise(seed: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = seed | 1;
    let letter = |_| {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        char::from(LETTERS[(bits >> 58) as usize])
    };
    (0..EVENT_BYTES).map(letter).collect()
}

mod needs_mount {
    use super::super::{Proof, seed};
    use super::*;

    #[test]
    fn a_full_disk_refuses_reads_on_and_takes_again_once_there_is_room() {
        let site = Site::new();
        let disk = SmallDisk::mount(&site);
        let serve = |site: &Site| {
            let store = site.path("disk/store");
            let mut command = site.serve_command(&["--memory", "512MiB", "--freeze-age-s", "2"]);
            command.env("ANNALS_STORE", store);
            disk.enter(&command)
        };
        let server = site.serving(serve(&site), false);
        let mut sender = Sender { server: &server, next: 0, acknowledged: 0, text: noise(seed()) };
        let mut proof = Proof { promise: 4, what: "requests to a server on a full disk", ..Proof::default() };

        // Filled until it refuses, and then some.
        let mut refused = 0;
        while refused < 20 {
            match sender.send() {
                200 => {}
                507 => refused += 1,
                // Memory is full as well: nothing can be flushed.
                429 if refused > 0 || sender.acknowledged > 50 => refused += 1,
                other => panic!("{other} after {} events", sender.acknowledged),
            }
            assert!(sender.next < 5_000, "the disk never fills");
        }
        let full = sender.acknowledged;
        let count = || server.sql("select count(distinct message) from events").as_u64().unwrap();
        assert!(count() >= full, "reads go on");
        assert_eq!(server.get("/v1/events?limit=3").json()["events"].as_array().unwrap().len(), 3);
        assert_eq!(server.get("/healthz").status, 200);

        std::fs::remove_file(disk.seen(&site, "ballast")).unwrap();
        // By itself: the log prepares its next segment when it is asked.
        let mut taken = 0;
        let mut tries = 0;
        while taken < 20 {
            taken += u64::from(sender.send() == 200);
            tries += 1;
            assert!(tries < 2_000, "nothing is taken although there is room");
        }
        proof.runs = sender.next;
        proof.acknowledged = sender.acknowledged;
        assert!(count() >= proof.acknowledged, "all of it is seen");
        for alarm in server.alarms() {
            println!("{alarm}");
        }
        server.kill();

        let server = site.serving(serve(&site), false);
        let distinct = server.sql("select count(distinct message) from events").as_u64().unwrap();
        let rows = server.sql("select count(*) from events").as_u64().unwrap();
        println!("{full} acknowledged until it was full, {} in all, {tries} tries until 20 more", proof.acknowledged);
        proof.lost = proof.acknowledged.saturating_sub(distinct);
        proof.doubled = rows - distinct;
        proof.invented = distinct.saturating_sub(proof.runs);
        proof.tell();
        server.kill();
    }
}
