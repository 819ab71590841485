//! What a person is told of each kind of failure, word for word: whom it is about, what was
//! answered, what to do. The texts are in `tests/wording.txt`; after a change that is meant,
//! `RATESHEET_REWRITE=1 cargo test --test it wording` writes them anew.

use ratesheet::sandbox::{Account, Fault, FaultRule, SERVICE_ACCOUNT, Service};

use crate::rig::{ONE, Rig, TAB, finish, ratesheet};

type Trouble = fn(&Rig);

fn fault(rig: &Rig, service: Service, fault: Fault) {
    rig.sandbox.fault(service, fault);
}

static TROUBLES: [(&str, Trouble); 20] = [
    ("nobody listens", |rig| rig.sandbox.pause_listening()),
    ("Kraken's edge fails", |rig| fault(rig, Service::Kraken, Fault::Html(520))),
    ("Kraken is busy", |rig| {
        fault(rig, Service::Kraken, Fault::KrakenError("EService:Busy".into()));
    }),
    ("Kraken limits the rate", |rig| {
        fault(rig, Service::Kraken, Fault::KrakenError("EAPI:Rate limit exceeded".into()));
    }),
    ("Kraken breaks off", |rig| fault(rig, Service::Kraken, Fault::Truncate)),
    ("Kraken redirects", |rig| {
        fault(
            rig,
            Service::Kraken,
            Fault::Redirect { code: 302, to: "https://example.com/".into() },
        );
    }),
    ("a page of a portal", |rig| {
        let page = "<html><title>Please sign in</title>".to_owned();
        let content_type = "text/html".to_owned();
        fault(
            rig,
            Service::Kraken,
            Fault::Status { code: 200, content_type, body: page, headers: vec![] },
        );
    }),
    ("Kraken never ends", |rig| fault(rig, Service::Kraken, Fault::Infinite)),
    ("Kraken is silent", |rig| fault(rig, Service::Kraken, Fault::Hang)),
    ("a pair is delisted", |rig| rig.sandbox.delist("XXBTZEUR")),
    ("the account is deleted", |rig| rig.sandbox.set_account(Account::Deleted)),
    ("the key is deleted", |rig| rig.sandbox.set_account(Account::KeyDeleted)),
    ("the clock is wrong", |rig| {
        rig.sandbox.set_clock_skew(jiff::SignedDuration::from_hours(5));
    }),
    ("the token endpoint is in trouble", |rig| fault(rig, Service::Token, Fault::Html(502))),
    ("the API is switched off", |rig| rig.sandbox.disable_sheets_api(true)),
    ("the spreadsheet is not shared", |rig| rig.sandbox.unshare(ONE)),
    ("the spreadsheet is gone", |rig| rig.sandbox.trash(ONE)),
    ("the tab is gone", |rig| rig.sandbox.rename_tab(ONE, TAB, "Sheet One")),
    ("a cell is protected", |rig| rig.sandbox.protect(ONE, TAB, "A1")),
    ("Google is unavailable", |rig| {
        let gone = Fault::google(503, "UNAVAILABLE", "The service is currently unavailable.");
        rig.sandbox.inject(FaultRule::new(Service::Sheets, gone));
    }),
];

/// What `once` says under its table, with nothing in it that differs from run to run.
fn told(trouble: Trouble) -> String {
    let rig = Rig::new();
    trouble(&rig);
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(&rig.sandbox.url(), "http://SANDBOX");
    let text = text.replace(rig.key.path().to_str().unwrap(), "KEY");
    let text = text.replace(SERVICE_ACCOUNT, "ACCOUNT");
    let table = text.find("A1 ").unwrap_or_default();
    let below = text[table..].split_once('\n').map_or("", |(_, below)| below);
    let code = output.status.code().unwrap();
    let (below, took) = below.trim().rsplit_once(" in ").unwrap_or((below.trim(), ""));
    assert!(took.is_empty() || took.ends_with(" ms"), "{took}");
    format!("exit {code}\n{below}\n")
}

#[test]
fn every_failure_is_told_in_its_words() {
    let mut all = String::new();
    std::thread::scope(|scope| {
        let half = |troubles: &'static [(&str, Trouble)]| {
            scope.spawn(move || {
                let one =
                    |(name, trouble): &(&str, Trouble)| format!("== {name}\n{}\n", told(*trouble));
                troubles.iter().map(one).collect::<String>()
            })
        };
        let (first, second) = TROUBLES.split_at(TROUBLES.len() / 2);
        for part in [half(first), half(second)] {
            all.push_str(&part.join().unwrap());
        }
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wording.txt");
    if std::env::var_os("RATESHEET_REWRITE").is_some() {
        std::fs::write(path, &all).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    for (now, before) in all.split("== ").zip(expected.split("== ")) {
        assert_eq!(now, before);
    }
    assert_eq!(all, expected);
}
