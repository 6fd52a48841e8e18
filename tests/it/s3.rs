//! A store in a bucket: the whole way over S3, and the rule that a version of the log is created once.
//!
//! The program runs as a process of its own, because it takes the bucket's address from the environment.

mod needs_python {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use annals_testkit::GeneratorSettings;
    use futures::future::join_all;
    use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
    use object_store::path::Path as ObjectPath;
    use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::{annals, generated, json_lines, python};

    /// An S3 server with a bucket named `events`, gone when dropped.
    struct Bucket {
        server: Child,
        endpoint: String,
        dir: TempDir,
    }

    impl Bucket {
        fn start() -> Self {
            let mut server = python("s3_server.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut port = String::new();
            BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
            let endpoint = format!("http://127.0.0.1:{}", port.trim());
            Self { server, endpoint, dir: tempfile::tempdir().unwrap() }
        }

        /// `annals` on the store in the bucket, with a write-ahead log of this name.
        fn annals(&self, wal: &str, arguments: &[&str]) -> Command {
            let mut command = annals();
            command
                .args(arguments)
                .args(["--store", "s3://events/team/log", "--wal"])
                .arg(self.dir.path().join(wal))
                .env("AWS_ENDPOINT_URL", &self.endpoint)
                .env("AWS_ENDPOINT", &self.endpoint)
                .env("AWS_ALLOW_HTTP", "true")
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test");
            command
        }

        /// The events that a command prints.
        fn events(&self, wal: &str, arguments: &[&str]) -> Vec<Value> {
            let output = self.annals(wal, arguments).args(["--format", "ndjson"]).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            json_lines(&output.stdout)
        }

        /// Writes generated events to a file and returns its path.
        fn file(&self, name: &str, events: u64, seed: u64) -> String {
            let path = self.dir.path().join(name);
            let settings = GeneratorSettings { events, seed, days: 1, projects: 3, ..GeneratorSettings::default() };
            std::fs::write(&path, generated(settings)).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn count(&self, statement: &str) -> u64 {
            self.events("reader", &["sql", statement])[0]["n"].as_u64().unwrap()
        }
    }

    impl Drop for Bucket {
        fn drop(&mut self) {
            // A server that is gone already is as good.
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }

    #[test]
    fn a_store_in_a_bucket_takes_events_and_gives_them_back_after_reopening() {
        let bucket = Bucket::start();
        let first = bucket.file("first.ndjson", 2_000, 1);
        let second = bucket.file("second.ndjson", 1_000, 2);
        for (file, total) in [(&first, 2_000), (&second, 3_000)] {
            let output = bucket.annals("wal", &["ingest", file, "--quiet"]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(bucket.count("select count(*) as n from events"), total);
        }
        let sent = json_lines(&std::fs::read(&first).unwrap());
        let trace = sent[1_000]["traceId"].as_str().unwrap();
        let expected: Vec<&Value> = sent.iter().filter(|event| event["traceId"] == trace).collect();
        let found = bucket.events("reader", &["trace", trace]);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found["message"], expected["message"]);
            assert_eq!(found["payload"], expected["payload"]);
        }
        let errors = bucket.events("reader", &["search", "--level", "ERROR", "--limit", "1000"]);
        let expected =
            sent.iter().chain(&json_lines(&std::fs::read(&second).unwrap())).filter(|e| e["level"] == "ERROR").count();
        assert_eq!(errors.len(), expected);
    }

    #[test]
    fn eight_writers_at_once_lose_nothing_and_double_nothing() {
        let bucket = Bucket::start();
        let files: Vec<String> = (0..8).map(|n| bucket.file(&format!("{n}.ndjson"), 200, 10 + n)).collect();
        let writers: Vec<Child> = files
            .iter()
            .enumerate()
            .map(|(n, file)| {
                let mut command = bucket.annals(&format!("wal-{n}"), &["ingest", file, "--quiet"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(bucket.count("select count(*) as n from events"), 1_600);
        assert_eq!(bucket.count("select count(distinct id) as n from events"), 1_600);
    }

    #[test]
    fn of_eight_conditional_puts_of_one_object_one_wins() {
        let bucket = Bucket::start();
        let store = AmazonS3Builder::new()
            .with_endpoint(&bucket.endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name("events")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let path = ObjectPath::from("_delta_log/00000000000000000000.json");
            let writers = (0..8_u8).map(|n| {
                let (store, path) = (store.clone(), path.clone());
                tokio::spawn(async move {
                    let put = store.put_opts(&path, PutPayload::from(vec![n]), PutMode::Create.into()).await;
                    (n, put)
                })
            });
            let outcomes: Vec<_> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
            let winners: Vec<u8> = outcomes.iter().filter(|(_, put)| put.is_ok()).map(|(n, _)| *n).collect();
            assert_eq!(winners.len(), 1, "{outcomes:?}");
            for (_, put) in &outcomes {
                assert!(matches!(put, Ok(_) | Err(object_store::Error::AlreadyExists { .. })), "{put:?}");
            }
            let stored = store.get(&path).await.unwrap().bytes().await.unwrap();
            assert_eq!(stored.as_ref(), &winners[..]);
        });
    }
}
