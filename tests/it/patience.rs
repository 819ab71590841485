//! Waits that a server asks for, in whatever form. Our own are in `backoff`.

use std::time::Duration;

use ratesheet::{
    FailureClass,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{ONE, Rig, TWO, block_on, one_price, report, with_tree};

/// A wait that Google asks for in this form, or in these, and what comes of it: from how many
/// milliseconds on the next write may come, and up to when it must.
fn google_asks(headers: &[&str], at_least: u64, at_most: u64) {
    google_refuses(&Fault::status(429), headers, at_least, at_most);
}

/// The same of what it says to one spreadsheet's write, with these headers.
fn google_refuses(refusal: &Fault, headers: &[&str], at_least: u64, at_most: u64) {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        // What only a person can mend is tried again after ten seconds at the least.
        config.retry.probe = Duration::from_secs(600);
        with_tree(config, async |supervisor| {
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
            let limit = headers
                .iter()
                .fold(refusal.clone(), |fault, header| fault.header("Retry-After", header));
            let rule = FaultRule::new(Service::Sheets, limit).path("batchUpdate").spreadsheet(ONE);
            rig.sandbox.inject(rule.times(1));
            let limited = |s: &Sandbox| {
                s.requests(Service::Sheets).into_iter().find(|entry| entry.fault.is_some())
            };
            rig.until("a refusal", |s| limited(s).is_some()).await;
            let limited = limited(&rig.sandbox).unwrap();
            let fetches = rig.sandbox.count(Service::Kraken);
            let failing = report(supervisor, |report| report.write_failures > 0).await.failing;
            let class = failing.map(|failing| failing.failure.class);
            assert_eq!(class, Some(FailureClass::RateLimited), "{headers:?}");
            let next = |s: &Sandbox| {
                let all = s.requests(Service::Sheets);
                all.into_iter().find(|entry| {
                    entry.is_write() && entry.seq > limited.seq && entry.spreadsheet() == Some(ONE)
                })
            };
            rig.until("a write after the wait", |s| next(s).is_some()).await;
            let next = next(&rig.sandbox).unwrap();
            let waited = next.at.duration_since(limited.at).as_millis();
            assert!(
                waited >= at_least.into() && waited <= at_most.into(),
                "{headers:?}: {waited} ms"
            );
            if at_least > 500 {
                // One account's wait is for all of its spreadsheets, but for what was on its way
                // when it began: on a busy machine a write, and its successor.
                let all = rig.sandbox.requests(Service::Sheets);
                let during = all.iter().filter(|entry| {
                    let after = entry.at.duration_since(limited.at).as_millis();
                    entry.spreadsheet() == Some(TWO) && (200..at_least.into()).contains(&after)
                });
                assert!(during.count() <= 2, "the other spreadsheet does not wait");
                let more = rig.sandbox.count(Service::Kraken) - fetches;
                assert!(more > 5, "Kraken is waited for, too: {more}");
            }
        })
        .await;
    });
}

/// Far more than any wait of our own in these tests.
const ANY: u64 = 20_000;

#[test]
fn a_wait_in_seconds_is_kept() {
    google_asks(&["1"], 1_000, ANY);
}

/// Google says by 403, too, that it has had enough: then it is the whole account that waits, and
/// nobody is asked to share anything.
#[test]
fn a_403_for_the_rate_is_waited_out_like_a_429() {
    for reason in ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"] {
        let body = serde_json::json!({ "error": {
            "code": 403, "message": "Rate Limit Exceeded", "status": "PERMISSION_DENIED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason, "domain": "googleapis.com",
            }],
        }});
        let refusal = Fault::json(403, body.to_string());
        google_refuses(&refusal, &["1"], 1_000, 8_000);
        google_refuses(&refusal, &[], 0, 5_000);
    }
}

#[test]
fn of_two_waits_one_is_kept() {
    google_asks(&["1", "2"], 1_000, ANY);
    google_asks(&["2", "1"], 1_000, ANY);
    google_asks(&["soon", "1"], 0, 5_000);
}

#[test]
fn a_wait_until_a_date_is_kept_in_each_of_its_forms() {
    for form in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        let at = jiff::Timestamp::now() + Duration::from_secs(4);
        google_asks(&[&at.strftime(form).to_string()], 1_000, ANY);
    }
}

#[test]
fn a_wait_that_is_none_is_our_own() {
    for header in ["soon", "-5", "", "Thu, 01 Jan 1970 00:00:00 GMT", "1e9", "0"] {
        google_asks(&[header], 0, 5_000);
    }
}
