//! Other people's events on their whole way in and out: GitHub, CloudTrail and Zeek through the maps that we ship.

mod needs_shared {
    use std::collections::BTreeMap;
    use std::io::Read;
    use std::path::Path;

    use annals_event::{Day, EventMap, MapOutcome, parse_timestamp, write_event};
    use flate2::read::MultiGzDecoder;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use serde_json::Value;

    use crate::support::{TestStore, needed_shared_dir};

    /// Folder, map, and events of each file.
    type Source = (&'static str, &'static str, &'static [(&'static str, u64)]);

    const SOURCES: [Source; 3] = [
        (
            "cloudtrail",
            "cloudtrail",
            &[("invictus-cloudtrail.ndjson.gz", 2_900), ("stratus-detonation-logs.ndjson.gz", 310)],
        ),
        (
            "github-events",
            "github",
            &[
                ("octokit-webhook-payloads.ndjson.gz", 273),
                ("pinot-2021-07-21-few-hours.ndjson.gz", 800),
                ("pinot-githubActivities-2016-07-07.ndjson.gz", 2_000),
                // 200 lines, every other one an action of the bulk form.
                ("quickwit-gharchive-bulk-100.es-bulk.json.gz", 100),
            ],
        ),
        (
            "zeek-wrccdc",
            "zeek",
            &[
                ("analyzer.json.gz", 16_461),
                ("capture_loss.json.gz", 3),
                ("dce_rpc.json.gz", 78),
                ("dns.json.gz", 53_615),
                ("dpd.json.gz", 77),
                ("ftp.json.gz", 93),
                ("kerberos.json.gz", 11),
                ("known_certs.json.gz", 35),
                ("known_hosts.json.gz", 253),
                ("known_services.json.gz", 1_579),
                ("ldap_search.json.gz", 1),
                ("loaded_scripts.json.gz", 512),
                ("modbus.json.gz", 268),
                ("notice.json.gz", 207),
                ("ntlm.json.gz", 422),
                ("ntp.json.gz", 904),
                ("ocsp.json.gz", 1_308),
                ("packet_filter.json.gz", 1),
                ("pe.json.gz", 21),
                ("rdp.json.gz", 4_122),
                ("rfb.json.gz", 3),
                ("smb_files.json.gz", 13),
                ("smb_mapping.json.gz", 393),
                ("smtp.json.gz", 1_188),
                ("snmp.json.gz", 65),
                ("software.json.gz", 376),
                ("ssh.json.gz", 22),
                ("ssl.json.gz", 49_474),
                ("stats.json.gz", 6),
                ("syslog.json.gz", 2_378),
                ("weird.json.gz", 24_202),
                ("x509.json.gz", 348),
            ],
        ),
    ];

    const EVENTS: u64 = 164_822;
    const SAMPLED: usize = 100;

    fn unpacked(path: &Path) -> Vec<u8> {
        let mut text = Vec::new();
        let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn all_real_events_come_out_as_they_went_in() {
        let shared = needed_shared_dir();
        let store = TestStore::new();
        let writer = store.writer();
        let mut chance = StdRng::seed_from_u64(20);
        let mut sampled: Vec<u64> = (0..SAMPLED).map(|_| chance.random_range(0..EVENTS)).collect();
        sampled.sort_unstable();
        sampled.dedup();
        // Place in the order of ingest -> (source record, what the map made of it).
        let mut sample: BTreeMap<u64, (Value, Value)> = BTreeMap::new();
        let mut days: BTreeMap<String, u64> = BTreeMap::new();
        let mut undated = 0;
        let mut place = 0;
        for (folder, map, files) in SOURCES {
            let map = EventMap::builtin(map).unwrap();
            for (file, events) in files {
                let text = unpacked(&shared.join("data").join(folder).join(file));
                let mut lines = Vec::new();
                let before = place;
                for record in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let start = lines.len();
                    if map.apply(record, &mut lines).unwrap() == MapOutcome::Skipped {
                        continue;
                    }
                    let event: Value = serde_json::from_slice(&lines[start..]).unwrap();
                    let time_us = match &event["timestamp"] {
                        Value::String(time) => Some(parse_timestamp(time).unwrap()),
                        // Some webhook bodies give seconds since the epoch.
                        Value::Number(seconds) => Some(seconds.as_i64().unwrap() * 1_000_000),
                        _ => None,
                    };
                    match time_us {
                        Some(time_us) => *days.entry(Day::of_us(time_us).to_string()).or_default() += 1,
                        None => undated += 1,
                    }
                    if sampled.binary_search(&place).is_ok() {
                        sample.insert(place, (serde_json::from_slice(record).unwrap(), event));
                    }
                    place += 1;
                }
                assert_eq!(store.append(&writer, &lines) as u64, *events, "{file}");
                assert_eq!(place - before, *events, "{file}");
            }
        }
        writer.flush().unwrap();
        writer.close(false).unwrap();
        assert_eq!(place, EVENTS);

        let engine = store.engine();
        assert_eq!(store.sql(&engine, "select count(*), count(distinct id) from events"), [["164822", "164822"]]);
        let mut found: BTreeMap<String, u64> = store
            .sql(&engine, "select cast(day as varchar), count(*) from events group by day")
            .into_iter()
            .map(|row| (row[0].clone(), row[1].parse().unwrap()))
            .collect();
        // Records without any time of their own went to the day of their receipt.
        let expected: u64 = days.values().sum();
        let received: u64 = found.iter().filter(|(day, _)| !days.contains_key(*day)).map(|(_, count)| count).sum();
        assert_eq!((expected + received, received), (EVENTS, undated));
        found.retain(|day, _| days.contains_key(day));
        assert_eq!(found, days);

        let first: u64 = store.sql(&engine, "select min(seq) from events")[0][0].parse().unwrap();
        let wanted: Vec<String> = sample.keys().map(|place| (first + place).to_string()).collect();
        let statement = format!("select * from events where seq in ({}) order by seq", wanted.join(", "));
        let mut stored = Vec::new();
        for batch in store.batches(&engine, &statement) {
            for row in 0..batch.num_rows() {
                let mut line = Vec::new();
                write_event(&batch, row, &mut line);
                stored.push(serde_json::from_slice::<Value>(&line).unwrap());
            }
        }
        assert_eq!(stored.len(), sample.len());
        for (stored, (record, mapped)) in stored.iter().zip(sample.values()) {
            assert_same(stored, record, mapped);
        }
    }

    /// The payload is the source record; every field is what the map picked out of it.
    fn assert_same(stored: &Value, record: &Value, mapped: &Value) {
        assert_eq!(stored["payload"], *record);
        for (member, value) in mapped.as_object().unwrap() {
            let found = &stored[member];
            match (member.as_str(), value) {
                ("timestamp", Value::String(time)) => {
                    let found = parse_timestamp(found.as_str().unwrap()).unwrap();
                    assert_eq!(found, parse_timestamp(time).unwrap(), "{record}");
                }
                // Ids are text, whatever they were.
                (_, Value::Number(number)) => {
                    assert_eq!(*found, Value::String(number.to_string()), "{member} of {record}")
                }
                _ => assert_eq!(found, value, "{member} of {record}"),
            }
        }
    }
}
