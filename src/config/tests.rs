//! Tests of the whole configuration: files, layers, the builder.

use std::time::Duration;

use super::*;
use crate::{
    quote::QuoteField,
    sheets::{CellRef, Tab},
    tree::Overlays,
};

const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_json("ratesheet.json", text.as_bytes(), &Overlays::new())
}

fn read_under(text: &str, overlays: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut list = Overlays::new();
    for (path, text) in overlays {
        list.set(*path, *text, format!("RATESHEET__{}", path.replace('.', "__").to_uppercase()));
    }
    Config::from_json("ratesheet.json", text.as_bytes(), &list)
}

const ARTICLE: &str = include_str!("../../config/example.json");

#[test]
fn the_articles_file_is_valid_word_for_word() {
    let config = read(ARTICLE).unwrap();
    let built = Config::new().sheet(
        SheetConfig::new(ID, "Sheet 1")
            .every(Duration::from_secs(5))
            .cell("kraken:xbteur:sell", "A1")
            .cell("kraken:xbteur:sell", "B7")
            .cell("kraken:xbteur:buy", "A2"),
    );
    assert_eq!(config, built);
    assert_eq!(config.check(), Ok(()));
    assert_eq!(config.sheets[0].cells[2].field, QuoteField::Buy);
    assert_eq!(config.sheets[0].tab, Tab::Title("Sheet 1".into()));
    assert_eq!(config.warnings(), [""; 0]);
}

#[test]
fn default_json_says_every_default() {
    let text = include_str!("../../config/default.json");
    assert_eq!(read(text).unwrap(), Config::default());
    // Every key is there: those that are known and not in the file would be offered here.
    let unknown = text.replace('{', "{ \"zzzzzzzz\": 1,");
    let error = read(&unknown).unwrap_err();
    let bare = serde_json::from_str::<serde_json::Value>(text).unwrap();
    for problem in error.problems() {
        let keys = problem.help().unwrap().strip_prefix("the keys here are ").unwrap();
        for key in keys.split(", ").map(|key| key.trim_matches('"')) {
            let at_root = problem.path() == "$.zzzzzzzz";
            let section = problem.path().split('.').nth(1).unwrap();
            let object = if at_root { &bare } else { &bare[section] };
            let elsewhere =
                ["sheet", "timeout", "interval", "data", "updated", "problem", "$schema"];
            assert!(
                !object[key].is_null() || object.get(key).is_some() || elsewhere.contains(&key),
                "{key}"
            );
        }
    }
    assert_eq!(error.count(), 9);
}

#[test]
fn sheets_are_named_by_id_or_url_and_tabs_by_title_or_gid() {
    let url = format!("https://docs.google.com/spreadsheets/d/{ID}/edit");
    for (sheet, tab) in [
        (ID.to_owned(), Tab::First),
        (format!("{ID}:Sheet 1"), Tab::Title("Sheet 1".into())),
        (format!("{ID}:a:b!c \u{1f335} =x \"q\""), Tab::Title("a:b!c \u{1f335} =x \"q\"".into())),
        (format!("{ID}:Bob's"), Tab::Title("Bob's".into())),
        (format!("{ID}:'"), Tab::Title("'".into())),
        (format!("{ID}:see https://kraken.com"), Tab::Title("see https://kraken.com".into())),
        (format!(" {ID}\n"), Tab::First),
        (format!(" {ID} :Sheet 1"), Tab::Title("Sheet 1".into())),
        (url.clone(), Tab::First),
        (format!("{url}#gid=0"), Tab::Gid(0)),
        (format!(" {url}#gid=0 "), Tab::Gid(0)),
        (format!("{url}?gid=77#gid=77"), Tab::Gid(77)),
        (format!("{url}?gid=77"), Tab::Gid(77)),
        (format!("{url}?usp=sharing"), Tab::First),
        (format!("{url}#gid=5:Sheet 1"), Tab::Title("Sheet 1".into())),
        (format!("https://docs.google.com/spreadsheets/u/1/d/{ID}/edit#gid=5"), Tab::Gid(5)),
        (format!("https://docs.google.com/spreadsheets/d/{ID}"), Tab::First),
        (format!("https://docs.google.com/spreadsheets/d/{ID}:a:b"), Tab::Title("a:b".into())),
    ] {
        let text = ARTICLE.replace(
            &format!("\"{ID}:Sheet 1\""),
            &serde_json::Value::from(sheet.clone()).to_string(),
        );
        let config = read(&text).unwrap_or_else(|error| panic!("{sheet}: {error}"));
        assert_eq!(config.sheets[0].spreadsheet.as_str(), ID, "{sheet}");
        assert_eq!(config.sheets[0].tab, tab, "{sheet}");
    }
}

#[test]
fn an_url_that_may_mean_another_tab_is_refused() {
    for (rest, words) in [
        ("?gid=0#gid=0&range=A1:B2", "a link to a range"),
        ("#gid=0&range=A1", "a link to a range"),
        ("#gid=0&range=A1:B2:Sheet 1", "a link to a range"),
        ("#gid=", "the tab gid="),
        ("#gid=0O", "the tab gid=0O"),
        ("#gid=99999999999", "the tab gid=99999999999"),
        ("?gid=7#gid=x", "the tab gid=x"),
        ("#gid=-1:Sheet 1", "the tab gid=-1"),
    ] {
        let url = format!("https://docs.google.com/spreadsheets/d/{ID}/edit{rest}");
        let error = read(&ARTICLE.replace(&format!("{ID}:Sheet 1"), &url)).unwrap_err();
        assert_eq!(error.count(), 1, "{error}");
        assert!(error.to_string().contains(words), "{rest}: {error}");
    }
}

#[test]
fn everything_can_be_said() {
    let config = read(
        r#"{ "$schema": "x", "sheets": [
            { "sheet": "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk:One", "interval": "5s",
              "data": { "kraken:BTC/USD:BTNL:last": "A1", "kraken:xbteur:time": ["'Two'!A1", "BtcPrice"] },
              "updated": "D1", "problem": ["E1"] },
            { "sheet": "25CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk:One", "timeout": 10000,
              "data": { "kraken:xbteur:mid": "A1" } } ],
          "credentials": "key.json", "shutdown_grace": "5s",
          "kraken": { "url": "http://127.0.0.1:8080/", "deadline": 2000, "requests_per_second": 0.5 },
          "google": { "url": "http://localhost:8081", "deadline": "20s", "writes_per_minute": 300 },
          "retry": { "backoff_min": 1, "backoff_max": "1m", "probe": "1h" },
          "supervision": { "max_restarts": 0, "period": 1000, "backoff_min": "1s", "backoff_max": "1s",
                           "ping": 500, "park": "1m" },
          "log": { "level": "debug", "format": "json" }, "tls": { "ca_file": "ca.pem" },
          "status": { "listen": "[::1]:0" },
          "heartbeat": { "url": "https://hc-ping.com/uuid?x=1" } }"#,
    )
    .unwrap();
    assert_eq!(config.sheets[0].cells[0].pair.as_str(), "BTC/USD:BTNL");
    assert_eq!(config.sheets[0].cells[2].cell, CellRef::Named("BtcPrice".into()));
    assert_eq!(config.sheets[1].every, Duration::from_secs(10));
    assert_eq!(config.kraken.url, "http://127.0.0.1:8080");
    assert_eq!(config.supervision.intensity.max_restarts, 0);
    assert_eq!(config.status.listen, Some("[::1]:0".parse().unwrap()));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.check(), Ok(()));
    assert!(!format!("{config:?}").contains("uuid"));
}

#[test]
fn variables_and_flags_lie_over_the_file_and_are_named() {
    let config = read_under(
        ARTICLE,
        &[
            ("timeout", "7s"),
            ("kraken.url", "http://127.0.0.1:1"),
            ("log.level", "debug"),
            ("log.level", "warn"),
            ("status.listen", "127.0.0.1:0"),
            ("google.writes_per_minute", "10"),
        ],
    )
    .unwrap();
    assert_eq!(config.sheets[0].every, Duration::from_secs(7));
    assert_eq!(config.kraken.url, "http://127.0.0.1:1");
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(config.status.listen, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(config.google.writes_per_minute, 10);
    let interval = ARTICLE.replace("timeout", "interval");
    let config = read_under(&interval, &[("timeout", "7s")]).unwrap();
    assert_eq!(config.sheets[0].every, Duration::from_secs(7));

    let error = read_under(
        ARTICLE,
        &[
            ("timeout", "abc"),
            ("kraken.urll", "x"),
            ("kraken", "x"),
            ("data", "{}"),
            ("sheets.0.timeout", "5s"),
            ("colour", "red"),
        ],
    )
    .unwrap_err();
    let printed = error.to_string();
    for words in [
        "RATESHEET__TIMEOUT: error at $.timeout: found \"abc\"; expected a number of milliseconds",
        "did you mean RATESHEET__KRAKEN__URL?",
        "RATESHEET__KRAKEN: error: found an unknown variable",
        "it has RATESHEET__KRAKEN__DEADLINE, RATESHEET__KRAKEN__REQUESTS_PER_SECOND, RATESHEET__KRAKEN__URL",
        "only the file can say this",
        "the known ones are RATESHEET__CREDENTIALS",
    ] {
        assert!(printed.contains(words), "{words}\n{printed}");
    }
    assert_eq!(printed.matches("only the file can say this").count(), 2, "{printed}");
    assert_eq!(error.count(), 6, "{printed}");
}

fn sheets(count: usize, pairs: usize, every: Duration) -> Config {
    let sheet = |index: usize| {
        let sheet = SheetConfig::new(&format!("{index:044}"), "Sheet 1").every(every);
        (0..pairs).fold(sheet, |sheet, pair| {
            sheet.cell(&format!("kraken:p{pair}eur:last"), &format!("A{}", pair + 1))
        })
    };
    (0..count).fold(Config::new(), |config, index| config.sheet(sheet(index)))
}

#[test]
fn of_titles_that_are_perhaps_none_the_first_is_told_and_how_many_there_are() {
    for (titles, told) in [
        (&["gid", "Sheet 1", "A1"][..], None),
        (&["Sheet 1", "gid=5"], Some("The title of a tab is \"gid=5\": a tab is named by its gid")),
        (&["'One'!A1"], Some("is \"'One'!A1\": cells are named under \"data\"")),
        (
            &["#gid=5", "Sheet 1", "One!A1", "gid=7"],
            Some("\"#gid=5\" (the first of 3 such): a tab"),
        ),
    ] {
        let sheet = |(index, title): (usize, &&str)| {
            let sheet = SheetConfig::new(&format!("{index:044}"), *title);
            sheet.every(Duration::from_secs(60)).cell("kraken:xbteur:sell", "A1")
        };
        let config = titles.iter().enumerate().map(sheet).fold(Config::new(), Config::sheet);
        let warnings = config.warnings();
        assert_eq!(warnings.len(), usize::from(told.is_some()), "{warnings:?}");
        assert!(warnings.concat().contains(told.unwrap_or_default()), "{warnings:?}");
    }
}

#[test]
fn authorities_that_cannot_be_read_are_told_where_they_are_named_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    let (folder, empty) = (folder.path().to_str().unwrap(), empty.path().to_str().unwrap());
    for (file, cause, remedy) in [
        ("no/ca.pem", "which cannot be read: No such file", "leads from the folder in which"),
        ("~/ca.pem", "which cannot be read: No such file", "write the whole path"),
        (folder, "which cannot be read: it is no regular file but a directory", "Name the file"),
        (empty, "which is empty", "-----BEGIN CERTIFICATE-----"),
        ("/dev/null", "which cannot be read: it is no regular file but a pipe", ""),
        ("Cargo.toml", "which holds no certificate", "`openssl x509 -inform der"),
    ] {
        let section = format!("{{ \"tls\": {{ \"ca_file\": {file:?} }},");
        let tls = read(&ARTICLE.replacen('{', &section, 1)).unwrap().tls;
        let told = tls.check("ratesheet.json").unwrap_err().to_string();
        let begin = format!("ratesheet.json:1:23: error at $.tls.ca_file: found {file:?}, {cause}");
        assert!(told.starts_with(&begin), "{told}");
        let help = told.split_once("\n  help: ").map_or("", |(_, help)| help);
        assert!(help.contains(remedy) && help.is_empty() == remedy.is_empty(), "{told}");
    }
    let tls = read_under(ARTICLE, &[("tls.ca_file", "/nonexistent")]).unwrap().tls;
    let told = tls.check("ratesheet.json").unwrap_err().to_string();
    assert!(told.starts_with("RATESHEET__TLS__CA_FILE: error at $.tls.ca_file: found"), "{told}");
    let mut tls = TlsConfig::default();
    tls.ca_file = Some("/nonexistent".into());
    let told = tls.check("ratesheet.json").unwrap_err().to_string();
    assert!(told.starts_with("error at tls.ca_file: found \"/nonexistent\""), "{told}");
}

#[test]
fn a_deadline_in_which_hardly_anything_is_answered_is_warned_of() {
    for (server, deadline, told) in [
        ("kraken", 10, Some("kraken.deadline is 10 ms, in which few requests are answered")),
        ("google", 499, Some("google.deadline is 499 ms")),
        ("kraken", 500, None),
        ("google", 500, None),
    ] {
        let section = format!("{{ \"{server}\": {{ \"deadline\": {deadline} }},");
        let warnings = read(&ARTICLE.replacen('{', &section, 1)).unwrap().warnings();
        assert_eq!(warnings.len(), usize::from(told.is_some()), "{warnings:?}");
        assert!(warnings.concat().contains(told.unwrap_or_default()), "{warnings:?}");
    }
}

#[test]
fn what_asks_too_much_of_kraken_and_what_is_hardly_meant_is_warned_of() {
    let config = |sheet: &str, section: &str| {
        let text = ARTICLE.replace(&format!("{ID}:Sheet 1"), sheet);
        read(&text.replacen('{', &format!("{{ {section}"), 1)).unwrap()
    };
    let sheet = format!("{ID}:Sheet 1");
    let kraken = |url: &str, per_second: &str| {
        let keys = format!("\"url\": \"{url}\", \"requests_per_second\": {per_second}");
        config(&sheet, &format!("\"kraken\": {{ {keys} }},"))
    };
    let heartbeat =
        |url: &str| config(&sheet, &format!("\"heartbeat\": {{ \"url\": \"{url}\" }},"));
    for (config, told) in [
        (
            kraken("https://api.kraken.com", "2.5"),
            "kraken.requests_per_second is 2.5; Kraken allows 1.",
        ),
        (kraken("https://api.kraken.com", "1"), ""),
        (kraken("http://127.0.0.1:8080", "1000"), ""),
        (kraken("http://[::1]", "1000"), ""),
        (heartbeat("https://hc-ping.com"), "heartbeat.url is hc-ping.com without a path"),
        (heartbeat("https://hc-ping.com/"), "heartbeat.url is hc-ping.com without a path"),
        (heartbeat("https://hc-ping.com/?uuid"), ""),
        (heartbeat("https://hc-ping.com/uuid"), ""),
        (config(&format!("{ID}:gid=0"), ""), "is \"gid=0\": a tab is named by its gid in"),
        (config(&format!("{ID}:#gid=0"), ""), "is \"#gid=0\": a tab is named by its gid in"),
        (config(&format!("{ID}:Sheet 1!A1"), ""), "is \"Sheet 1!A1\": cells are named under"),
        (config(&format!("{ID}:Hi!"), ""), ""),
        (config(&format!("{ID}:gid=x"), ""), ""),
    ] {
        let warnings = config.warnings();
        assert_eq!(warnings.len(), usize::from(!told.is_empty()), "{told}: {warnings:?}");
        assert!(warnings.concat().contains(told), "{told}: {warnings:?}");
    }
}

#[test]
fn a_cadence_that_does_not_fit_is_warned_of_with_the_smallest_that_does() {
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(sheets(4, 100, s(5)).warnings(), [""; 0]);
    assert_eq!(sheets(1, 100, ms(2_000)).warnings(), [""; 0]);
    // Beyond four requests all pairs are asked for in one.
    assert_eq!(sheets(1, 401, s(2)).warnings(), [""; 0]);
    for (config, words) in [
        (sheets(5, 1, s(5)), "ask for 60 writes a minute, and 50 are made"),
        (sheets(5, 1, s(5)), "fits is 6000 ms"),
        (sheets(1, 1, ms(1_500)), "shorter than Kraken's cache"),
        (sheets(3, 1, ms(500)), "fits is 3600 ms"),
        (sheets(7, 1, ms(8_399)), "fits is 8400 ms"),
        (sheets(1, 400, s(3)), "1.3 requests a second (100 pairs at most in each), and 1 are made"),
        (sheets(1, 400, s(3)), "fits is 4000 ms"),
        (Config::new(), "no sheets"),
        (sheets(1, 1, s(5)).shutdown_grace(s(11)), "Docker kills after 10 s"),
    ] {
        let warnings = config.warnings();
        let [warning] = &warnings[..] else { panic!("{words}\n{warnings:?}") };
        assert!(warning.contains(words), "{words}\n{warning}");
    }
    // That each write waits is told although a longer timeout is better for another reason.
    let [quota, cache] = &sheets(1, 1, ms(1_000)).warnings()[..] else { panic!("not two") };
    assert!(quota.contains("fits is 1200 ms") && cache.contains("cache"), "{quota}\n{cache}");
    let fits = sheets(7, 1, ms(8_400)).warnings();
    assert_eq!(fits, [""; 0]);
    // A slower sheet of the same spreadsheet is written together with the faster one.
    let mut two = sheets(1, 1, ms(2_000));
    two.sheets
        .push(SheetConfig::new(&"0".repeat(44), "Two").every(s(4)).cell("kraken:p0eur:bid", "A1"));
    assert_eq!(two.warnings(), [""; 0]);
    // Where three coincide there is one write: 44 a minute, and not 62.
    for every in [3, 5] {
        let tab = SheetConfig::new(&"0".repeat(44), "Three").every(s(every));
        two.sheets.push(tab.cell("kraken:p0eur:bid", "A2"));
    }
    assert_eq!(two.warnings(), [""; 0]);
    two.google.writes_per_minute = 43;
    assert!(two.warnings().join("").contains("ask for 44 writes a minute, and 43 are made"));
    let mut open = Config::default();
    open.status.listen = Some("0.0.0.0:9642".parse().unwrap());
    open.google.writes_per_minute = 100;
    let warnings = open.warnings().join("\n");
    assert!(warnings.contains("0.0.0.0:9642, is open to other machines"), "{warnings}");
    assert!(warnings.contains("Google allows 60"), "{warnings}");
}

#[test]
fn the_builder_tells_every_mistake() {
    let mut config = Config::new()
        .sheet(
            SheetConfig::new("nonsense", "Sheet 1")
                .cell("kraken:xbteur:sel", "A0")
                .cell("kraken:xbteur:sell", "A1")
                .cell("kraken:xbteur:buy", "$a$1")
                .updated("A:A"),
        )
        .sheet(SheetConfig::new(ID, " ").every(Duration::from_secs(100_000)))
        .shutdown_grace(Duration::ZERO);
    config.kraken.url = "http://u:hunter2@10.0.0.1".into();
    config.kraken.requests_per_second = f64::NAN;
    config.retry.backoff.min = Duration::from_secs(100);
    config.supervision.ping = Duration::from_millis(499);
    config.heartbeat.url = Some("http://example.com/secret".into());
    let printed = config.check().unwrap_err().to_string();
    for words in [
        "error at sheets[0].spreadsheet: found \"nonsense\"; expected a spreadsheet's id",
        "did you mean \"sell\"?",
        "a row from 1 to 10000000",
        "the range \"A:A\"",
        "the cell A1, which sheets[0] writes already",
        "sheets[0].every: found 0 ms; expected 1 ms to 24 h\n  help: say the time from tick to tick",
        "sheets[1].every: found 100000 s; expected 1 ms to 24 h",
        "sheets[1].tab: found an empty title",
        "kraken.url",
        "kraken.requests_per_second: found NaN",
        "retry.backoff.max: found 1 min; expected no less than retry.backoff.min, which is 100 s",
        "supervision.ping: found 499 ms; expected 500 ms to 24 h",
        "shutdown_grace: found 0 ms",
        "heartbeat.url",
    ] {
        assert!(printed.contains(words), "{words}\n{printed}");
    }
    assert!(!printed.contains("hunter2") && !printed.contains("secret"), "{printed}");
    assert_eq!(config.mistakes().len(), 14, "{printed}");
}
