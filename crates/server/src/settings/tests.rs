use std::collections::HashMap;
use std::ffi::OsString;

use proptest::prelude::*;

use super::*;

const MACHINE: Option<u64> = Some(16 << 30);

/// Layers from a file, variables without their prefix in lower case, and flags, each as `key=value`.
fn layers(file: &str, env: &[&str], flags: &[&str]) -> Layers {
    let mut layers = Layers::new();
    layers.file("annals.toml", file);
    let split = |text: &str| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    let env: HashMap<String, String> =
        env.iter().map(|text| split(text)).map(|(key, value)| (Setting::of(&key).unwrap().env(), value)).collect();
    layers.env(|name| env.get(name).map(OsString::from));
    for (key, value) in flags.iter().map(|text| split(text)) {
        layers.flag(Setting::of(&key).unwrap(), value);
    }
    layers
}

fn resolved(file: &str, env: &[&str], flags: &[&str]) -> Resolved {
    resolve(layers(file, env, flags), MACHINE).unwrap()
}

fn refused(file: &str, env: &[&str], flags: &[&str]) -> String {
    resolve(layers(file, env, flags), MACHINE).unwrap_err().to_string()
}

fn origin(resolved: &Resolved, key: &str) -> String {
    resolved.effective.iter().find(|effective| effective.setting.key == key).unwrap().origin()
}

#[test]
fn the_defaults_are_valid() {
    ServeSettings::default().validate().unwrap();
    let resolved = resolved("", &[], &[]);
    assert_eq!(resolved.settings, ServeSettings::default());
    assert!(resolved.effective.iter().all(|effective| effective.origin() == "default"));
    assert_eq!(resolved.memory.total_bytes, 8 << 30);
}

#[test]
fn the_table_names_every_field_once() {
    let value = serde_json::to_value(ServeSettings::default()).unwrap();
    let mut fields: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    let mut keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
    fields.sort();
    keys.sort();
    assert_eq!(keys, fields);
    let groups: Vec<_> = SETTINGS.iter().map(|setting| setting.group).collect();
    let runs = groups.chunk_by(|left, right| left == right).count();
    assert_eq!(runs, groups.iter().collect::<std::collections::HashSet<_>>().len(), "a group stands in one piece");
}

#[test]
fn every_default_reads_as_itself_from_every_layer() {
    for setting in SETTINGS {
        let Some(text) = setting.default_text() else { continue };
        let mut settings = ServeSettings::default();
        (setting.set)(&mut settings, &text).unwrap();
        assert_eq!(settings, ServeSettings::default(), "{}", setting.key);
    }
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
    let file = "queries_max = 2\nshutdown_s = 2\nkeep = \"2d\"\n";
    let resolved = resolved(file, &["queries_max=3", "shutdown_s=3"], &["queries_max=4"]);
    let settings = &resolved.settings;
    assert_eq!((settings.queries_max, settings.shutdown_s, settings.keep), (4, 3, Keep::Days(2)));
    assert_eq!(origin(&resolved, "queries_max"), "flag --queries-max");
    assert_eq!(origin(&resolved, "shutdown_s"), "env ANNALS_SHUTDOWN_S");
    assert_eq!(origin(&resolved, "keep"), "annals.toml line 3");
    assert_eq!(origin(&resolved, "http"), "default");
}

#[test]
fn layers_win_by_rank_in_whatever_order_they_are_added() {
    let mut layers = Layers::new();
    layers.flag(Setting::of("queries_max").unwrap(), "4".to_owned());
    layers.file("a.toml", "queries_max = 2");
    assert_eq!(resolve(layers, MACHINE).unwrap().settings.queries_max, 4);
}

#[test]
fn every_type_reads_from_the_file() {
    let file = r#"
        store = "s3://bucket/prefix"
        wal = "/var/lib/annals/wal"
        http = "[::1]:6170"
        otlp = true
        allow_host = ["Events.example.com", "::1", "10.0.0.7"]
        memory = 1073741824
        request_bytes_max = "10MB"
        event_bytes_max = 0x10_000
        known_ids_max = 1_000
        header_timeout_s = "2m"
        idempotency_hours = "7d"
        keep = "30d"
        dead_letters_keep = "forever"
        log_format = "json"
    "#;
    let settings = resolved(file, &[], &[]).settings;
    let expected = ServeSettings {
        store: "s3://bucket/prefix".into(),
        wal: Some("/var/lib/annals/wal".into()),
        http: "[::1]:6170".parse().unwrap(),
        otlp: true,
        allow_host: vec!["events.example.com".into(), "[::1]".into(), "10.0.0.7".into()],
        memory: MemoryLimit::Size(1 << 30),
        request_bytes_max: 10_000_000,
        event_bytes_max: 0x10_000,
        known_ids_max: 1_000,
        header_timeout_s: 120,
        idempotency_hours: 168,
        keep: Keep::Days(30),
        dead_letters_keep: Keep::Forever,
        log_format: LogFormat::Json,
        ..ServeSettings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn all_problems_of_all_layers_are_named_at_once_with_their_source() {
    let file = "memry = \"2GiB\"\nhttp = \"127.0.0.1:1\"\n\nqueries_max = 0\nwholly_unlike = 1\notlp = \"yes\"\n\
                log_format = 3\nkeep = \"12h\"\n[limits]\nconnections_max = 5\n";
    let message = refused(file, &["http=foo", "memory=1MiB"], &["event_bytes_max=1TiB", "allow_host=a.b:443"]);
    for part in [
        "annals.toml line 1: unknown key \"memry\": did you mean \"memory\"?",
        "annals.toml line 4: queries_max: 0 is out of bounds: 1 to 1024",
        "annals.toml line 5: unknown key \"wholly_unlike\"",
        "annals.toml line 6: otlp: a string where true or false belongs",
        "annals.toml line 7: log_format: an integer where a string belongs",
        "annals.toml line 8: keep: \"12h\" is out of bounds",
        "annals.toml line 9: unknown key \"limits\"",
        "ANNALS_HTTP: \"foo\" is no address like 127.0.0.1:6170",
        "ANNALS_MEMORY: 1MiB is too little: at least 256MiB",
        "--event-bytes-max: 1TiB is out of bounds: 1KiB to 64MiB",
        "--allow-host: \"a.b:443\" is no host name",
    ] {
        assert!(message.contains(part), "{part}\nis not in\n{message}");
    }
    assert_eq!(message.matches("; ").count(), 10, "{message}");
}

#[test]
fn a_bad_value_is_refused_even_where_a_higher_layer_covers_it() {
    let message = refused("queries_max = 0", &[], &["queries_max=4"]);
    assert!(message.contains("annals.toml line 1: queries_max"), "{message}");
}

#[test]
fn a_broken_line_hides_no_problem_of_the_others() {
    let message = refused("http = foo\nmemry = 1\nqueries_max =\nshutdown_s = 0\n", &[], &[]);
    for part in ["line 1: ", "line 2: unknown key", "line 3: ", "line 4: shutdown_s: 0 is out of bounds"] {
        assert!(message.contains(part), "{part}\nis not in\n{message}");
    }
    assert_eq!(message.matches("annals.toml").count(), 4, "{message}");
}

#[test]
fn a_key_given_twice_is_refused() {
    let message = refused("queries_max = 1\nqueries_max = 2\n", &[], &[]);
    assert!(message.contains("annals.toml line 2: duplicate key"), "{message}");
}

#[test]
fn an_empty_value_is_not_taken_for_none() {
    let message = refused("wal = \"\"", &["token_file="], &["store= "]);
    for part in ["annals.toml line 1: wal: the value is empty", "ANNALS_TOKEN_FILE: the value is empty", "--store: "] {
        assert!(message.contains(part), "{message}");
    }
    assert!(resolved("allow_host = []", &["allow_host="], &[]).settings.allow_host.is_empty());
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let mut layers = Layers::new();
    layers.env(|name| (name == "ANNALS_WAL").then(|| OsString::from_vec(vec![0xff])));
    let message = resolve(layers, MACHINE).unwrap_err().to_string();
    assert!(message.contains("ANNALS_WAL: the value is not UTF-8"), "{message}");
}

#[test]
fn other_variables_are_no_business_of_the_settings() {
    let mut layers = Layers::new();
    layers.env(|name| (!SETTINGS.iter().any(|setting| setting.env() == name)).then(|| "x".into()));
    resolve(layers, MACHINE).unwrap();
}

#[test]
fn addresses_collide_only_while_both_are_listened_on() {
    let flags = ["http=0.0.0.0:4318"];
    resolved("", &[], &flags);
    let message = refused("otlp = true", &[], &flags);
    assert!(message.contains("otlp_http: 127.0.0.1:4318 collides with http (0.0.0.0:4318)"), "{message}");
    resolved("", &[], &["otlp=true", "http=127.0.0.1:0", "otlp_http=127.0.0.1:0", "otlp_grpc=127.0.0.1:0"]);
    // One that is refused already says nothing about the other.
    let message = refused("", &[], &["otlp=true", "http=127.0.0.1:4317", "otlp_grpc=foo"]);
    assert!(!message.contains("collides"), "{message}");
}

#[test]
fn a_share_must_be_enough_on_this_machine() {
    let machine = Some(400 << 20);
    let message = resolve(Layers::new(), machine).unwrap_err().to_string();
    assert!(message.contains("memory: 50% of this machine's 400MiB is too little"), "{message}");
    let message = resolve(layers("", &["memory=30%"], &[]), machine).unwrap_err().to_string();
    assert!(message.contains("ANNALS_MEMORY: 30% of"), "{message}");
    assert_eq!(resolve(layers("", &[], &["memory=256MiB"]), machine).unwrap().memory.total_bytes, 256 << 20);
    assert_eq!(resolve(Layers::new(), None).unwrap().memory.total_bytes, 2 << 30, "half of what is assumed");
}

#[test]
fn a_tight_plan_lowers_the_largest_body() {
    let tight = resolved("", &[], &["memory=256MiB"]);
    assert!(tight.request_bytes_max() < 20 << 20, "{}", tight.request_bytes_max());
    assert_eq!(resolved("", &[], &[]).request_bytes_max(), 64 << 20);
}

#[test]
fn validate_names_every_problem() {
    let settings = ServeSettings {
        store: " ".into(),
        memory: MemoryLimit::Share(0),
        keep: Keep::Days(0),
        request_bytes_max: 1,
        queries_max: 0,
        idempotency_hours: 169,
        ..ServeSettings::default()
    };
    let message = settings.validate().unwrap_err().to_string();
    for key in ["store", "memory", "keep", "request_bytes_max", "queries_max", "idempotency_hours"] {
        assert!(message.contains(&format!("{key}: ")), "{message}");
    }
    assert!(!message.contains("shutdown_s"), "{message}");
}

#[test]
fn unknown_fields_are_refused_by_name() {
    let error = toml::from_str::<ServeSettings>("memry = \"2GiB\"").unwrap_err().to_string();
    assert!(error.contains("memry"), "{error}");
}

#[test]
fn json_has_values_with_their_types_and_sources() {
    let json = resolved("", &["request_bytes_max=1MiB"], &["keep=30d"]).to_json();
    assert_eq!(json["settings"]["request_bytes_max"]["value"], 1 << 20);
    assert_eq!(json["settings"]["request_bytes_max"]["source"], "env ANNALS_REQUEST_BYTES_MAX");
    assert_eq!(json["settings"]["keep"]["value"], "30d");
    assert_eq!(json["settings"]["wal"]["value"], serde_json::Value::Null);
    assert_eq!(json["memory"]["total_bytes"], 8u64 << 30);
    assert_eq!(json["memory"]["machine_bytes"], 16u64 << 30);
}

#[test]
fn comments_of_the_written_file_cannot_be_ended_by_a_file_name() {
    let mut layers = Layers::new();
    layers.file("x\nqueries_max = 1", "shutdown_s = 5");
    let text = resolve(layers, MACHINE).unwrap().to_toml();
    assert_eq!(resolved(&text, &[], &[]).settings.queries_max, 16);
}

fn settings() -> impl Strategy<Value = ServeSettings> {
    let keep = prop_oneof![Just(Keep::Forever), (1..=Keep::DAYS_MAX).prop_map(Keep::Days)];
    let memory =
        prop_oneof![(10u8..=100).prop_map(MemoryLimit::Share), (MEMORY_BYTES_MIN..1 << 50).prop_map(MemoryLimit::Size)];
    // Text that is hard to quote, but neither empty nor blank at its ends.
    let text = "[a-z\"'\\\\][\\PC\"'\\\\\t\n\u{7f}\u{1b}#]{0,12}[a-z\"']";
    (
        (text, prop::option::of(text.prop_filter("no URL", |text| !text.contains("://"))), prop::option::of(text)),
        (any::<std::net::Ipv6Addr>(), any::<u16>(), prop::collection::vec("[a-z0-9.-]{1,9}", 0..3)),
        (memory, keep.clone(), keep, any::<bool>()),
        (1_024usize..=64 << 20, 1_024usize..=64 << 20, 0usize..=64 << 20, 0usize..=1_000_000_000),
        (1u64..=168, 1u64..=600, 1usize..=1_024),
    )
        .prop_map(
            |((store, wal, token), (ip, port, allow_host), (memory, keep, dead_letters_keep, json), sizes, rest)| {
                ServeSettings {
                    store,
                    wal: wal.map(Into::into),
                    token_file: token.map(Into::into),
                    http: (ip, port).into(),
                    allow_host,
                    memory,
                    keep,
                    dead_letters_keep,
                    log_format: if json { LogFormat::Json } else { LogFormat::Text },
                    request_bytes_max: sizes.0,
                    event_bytes_max: sizes.1,
                    dead_letter_bytes_max: sizes.2,
                    known_ids_max: sizes.3,
                    idempotency_hours: rest.0,
                    header_timeout_s: rest.1,
                    queries_max: rest.2,
                    ..ServeSettings::default()
                }
            },
        )
}

proptest! {
    #[test]
    fn the_written_file_says_what_is_in_effect(settings in settings()) {
        let mut layers = Layers::new();
        for setting in SETTINGS {
            if let Some(text) = setting.text(&settings) {
                layers.flag(setting, text);
            }
        }
        let from_flags = resolve(layers, MACHINE).unwrap();
        prop_assert_eq!(&from_flags.settings, &settings);
        let file = from_flags.to_toml();
        prop_assert_eq!(&resolved(&file, &[], &[]).settings, &settings);
        prop_assert_eq!(&toml::from_str::<ServeSettings>(&file).unwrap(), &settings);
    }

    #[test]
    fn no_file_panics(text in "[a-z_\\[\\]{}=\"'#,.0-9\n \\PC]{0,200}", key in 0..SETTINGS.len(), value in "\\PC{0,30}") {
        let mut layers = Layers::new();
        layers.file("f", &text);
        layers.file("g", &format!("{} = {value}", SETTINGS[key].key));
        layers.flag(&SETTINGS[key], value);
        let _ = resolve(layers, None);
    }
}
