//! What is well formed and yet perhaps not meant is said by every command, once.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::rig::{ONE, Process, Rig, finish, price_in, ratesheet};

/// What a command says of a configuration on either stream, and how it ends.
fn said(rig: &Rig, sheets: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let file = rig.file(sheets);
    let named = ["-c", file.path().to_str().unwrap()];
    let output = finish(ratesheet(&[arguments, &named].concat()));
    let text = String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
    (text, output.status.code())
}

#[test]
fn once_says_that_there_is_nothing_to_write() {
    let rig = Rig::new();
    for command in [&["once"][..], &["once", "--dry-run"], &["check"]] {
        let (text, code) = said(&rig, r#"{ "sheets": [] }"#, command);
        assert_eq!(code, Some(0), "{text}");
        let warning = "warning: There are no sheets: nothing is written.\n";
        assert_eq!(text.matches(warning).count(), 1, "{command:?}\n{text}");
    }
}

#[test]
fn an_address_that_is_open_to_others_is_warned_of_once() {
    let rig = Rig::new();
    let sheet = price_in(ONE, "A1").replace("20,", "5000,");
    let (text, _) = said(&rig, &sheet, &["check", "--listen", "0.0.0.0:9642"]);
    assert_eq!(text.matches("open to other machines").count(), 1, "{text}");
    assert_eq!(text.matches("warning: ").count(), 1, "{text}");
}

#[test]
fn once_warns_of_nothing_that_matters_to_the_service_alone() {
    let rig = Rig::new();
    let hasty = price_in(ONE, "A1");
    for (command, warned) in [
        (&["check", "--listen", "0.0.0.0:9642"][..], true),
        (&["once", "--listen", "0.0.0.0:9642"], false),
        (&["once", "--dry-run", "--log-level", "warn"], false),
        (&["once", "--log-level", "warn"], false),
    ] {
        let (text, code) = said(&rig, &hasty, command);
        assert_eq!(code, Some(0), "{text}");
        for words in ["shorter than Kraken's cache", "open to other machines"] {
            let told = text.contains(words);
            assert!(told == warned, "{command:?}\n{text}");
        }
    }
}

#[test]
fn a_key_that_everybody_can_read_is_warned_of_once_by_every_command() {
    let rig = Rig::new();
    let sheet = price_in(ONE, "A1").replace("20,", "5000,");
    for (mode, times) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(rig.key.path(), fs::Permissions::from_mode(mode)).unwrap();
        for command in [&["check"][..], &["once"]] {
            let (text, code) = said(&rig, &sheet, command);
            assert_eq!(code, Some(0), "{text}");
            assert_eq!(text.matches("mode 644").count(), times, "{command:?} {mode:o}\n{text}");
        }
        let file = rig.file(&price_in(ONE, &format!("B{mode}")));
        let process = Process::start(&["run", "-c", file.path().to_str().unwrap()]);
        rig.shows(&format!("B{mode}"));
        process.signal("TERM");
        let log = String::from_utf8(process.end().stderr).unwrap();
        assert_eq!(log.matches("mode 644").count(), times, "{mode:o}\n{log}");
    }
}
