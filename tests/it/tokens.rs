//! What is asked of the token endpoint, and what becomes of a key that is replaced or taken away.

use std::{fs, sync::mpsc, thread, time::Duration};

use actix::Actor as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use ratesheet::{
    FailureClass, SupervisorActor,
    sandbox::{Account, Entry, Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{ONE, Rig, SOON, block_on, one_price, report, status, with_tree, writes};

/// What an assertion claims.
fn claims(entry: &Entry) -> serde_json::Value {
    let assertion = entry.body.split("assertion=").nth(1).unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[test]
fn spreadsheets_are_asked_for_and_nothing_else() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
        let asked = rig.sandbox.requests(Service::Token);
        assert_eq!(asked.len(), 1);
        let claims = claims(&asked[0]);
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/spreadsheets");
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert!(life <= 3_600, "{life}");
    });
}

#[test]
fn a_key_that_is_deleted_at_google_is_waited_for_and_its_successor_is_read() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.set_account(Account::Deleted);
            rig.sandbox.revoke_tokens();
            let failing = |report: &ratesheet::SpreadsheetReport| {
                report.failing.as_ref().is_some_and(|failing| {
                    failing.failure.class == FailureClass::Credentials && failing.attempts >= 2
                })
            };
            report(supervisor, failing).await;
            // Somebody clears the file away, and puts another in its place.
            fs::write(rig.key.path(), "{}").unwrap();
            let unreadable = |report: &ratesheet::SpreadsheetReport| {
                let failure = report.failing.as_ref().map(|failing| failing.failure.to_string());
                failure.is_some_and(|failure| failure.contains("cannot be used"))
            };
            report(supervisor, unreadable).await;
            rig.sandbox.set_account(Account::Active);
            fs::write(rig.key.path(), rig.sandbox.service_account_key()).unwrap();
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(status(supervisor).await.restarts.is_empty());
        })
        .await;
    });
}

#[test]
fn without_tokens_quotes_are_fetched_all_the_same() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.fault(Service::Token, Fault::status(503));
            rig.sandbox.revoke_tokens();
            let before = rig.sandbox.count(Service::Token);
            rig.until("a token is asked for", |s| s.count(Service::Token) >= before + 2).await;
            let fetched = rig.sandbox.count(Service::Kraken);
            rig.until("fetches", |s: &Sandbox| s.count(Service::Kraken) >= fetched + 10).await;
            let status = status(supervisor).await;
            assert!(status.kraken.failing.is_none() && status.restarts.is_empty());
        })
        .await;
    });
}

/// A token of eight seconds is old after six, and no longer used after seven.
#[test]
fn a_token_is_used_to_its_end_while_there_is_no_other() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_token_lifetime(Duration::from_secs(8));
        rig.sandbox.inject(FaultRule::new(Service::Token, Fault::status(503)).skip(1));
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            let failing = report(supervisor, |report| report.failing.is_some()).await.failing;
            let told = failing.unwrap().failure.to_string();
            assert!(told.contains("gives no token: HTTP 503"), "{told}");
            let all = rig.sandbox.requests(Service::Sheets);
            assert!(all.iter().all(|entry| entry.status == Some(200)), "a token was used too long");
            let asked = rig.sandbox.requests(Service::Token);
            let (first, again) = (&asked[0], &asked[1]);
            let early = again.at.duration_since(first.at);
            assert!(early < SignedDuration::from_secs(8), "asked again only after {early:?}");
            let late = all.iter().filter(|entry| entry.is_write() && entry.at > again.at).count();
            assert!(late > 0, "no write after a new token was refused");
            rig.sandbox.clear_faults();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

/// As above, and the endpoint is silent: its deadline is ten seconds.
#[test]
fn nobody_waits_for_a_new_token_while_the_old_one_is_good() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_token_lifetime(Duration::from_secs(8));
        rig.sandbox.inject(FaultRule::new(Service::Token, Fault::Hang).skip(1));
        let asked = |sandbox: &Sandbox| sandbox.requests(Service::Token).into_iter().nth(1);
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.until("writes while a token is asked for", |sandbox| {
                let asked = asked(sandbox).map(|asked| asked.started);
                let meanwhile = |entry: &&Entry| asked.is_some_and(|asked| entry.started > asked);
                writes(sandbox).iter().filter(meanwhile).count() >= 3
            })
            .await;
            assert_eq!(rig.sandbox.count(Service::Token), 2, "one request, however many ask");
        })
        .await;
        rig.until("the request is given up", |s| asked(s).is_some_and(|a| a.ended.is_some())).await;
        let asked = asked(&rig.sandbox).unwrap();
        let open = asked.ended_at.unwrap().duration_since(asked.at);
        assert!(open < SignedDuration::from_secs(9), "it outlives its tree: {open:?}");
    });
}

#[test]
fn who_is_never_let_in_asks_for_tokens_with_backoff() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.retry.backoff.min = Duration::from_millis(500);
        config.retry.backoff.max = Duration::from_millis(500);
        let nobody = Fault::google(401, "UNAUTHENTICATED", "Request had invalid credentials.");
        rig.sandbox.fault(Service::Sheets, nobody);
        with_tree(config, async |_| {
            rig.until("twelve tokens", |sandbox| sandbox.count(Service::Token) >= 12).await;
            let asked = rig.sandbox.requests(Service::Token);
            let refused = rig.sandbox.count(Service::Sheets);
            assert!(refused + 1 >= asked.len(), "{} tokens, {refused} used", asked.len());
            // The second comes at once; ten waits of up to half a second are seldom shorter.
            let waited = asked[11].at.duration_since(asked[1].at);
            assert!(waited > SignedDuration::from_millis(500), "{waited:?}");
            rig.sandbox.clear_faults();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn an_hour_after_the_clock_was_set_back_a_new_token_does_it() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            // For Google's servers the token is over; here it has most of an hour left.
            rig.sandbox.set_clock_skew(SignedDuration::from_secs(3_700));
            rig.until("a new token is asked for", |s| s.count(Service::Token) >= 2).await;
            rig.sandbox.set_clock_skew(SignedDuration::ZERO);
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn without_a_token_no_turn_is_used_up() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        // Five at once, and then one in ten seconds.
        config.google.writes_per_minute = 6;
        rig.sandbox.fault(Service::Token, Fault::status(503));
        with_tree(config, async |supervisor| {
            let often = |report: &ratesheet::SpreadsheetReport| {
                report.failing.as_ref().is_some_and(|failing| failing.attempts >= 20)
            };
            report(supervisor, often).await;
            rig.sandbox.clear_faults();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn a_key_that_is_a_pipe_does_not_stop_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("key.json");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        block_on(async {
            let rig = Rig::new();
            let tree =
                SupervisorActor::new(rig.config().credentials(&fifo).sheet(one_price(ONE))).start();
            let failing = report(&tree, |report| report.failing.is_some()).await.failing;
            sender.send(failing.map(|failing| failing.failure.to_string())).ok();
        });
    });
    let told = receiver.recv_timeout(SOON).expect("the thread stands still for ever");
    assert!(told.is_some_and(|told| told.contains("no regular file")));
}
