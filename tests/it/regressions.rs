//! What a strict reading of the sources found wrong, each as the test that showed it. Some of
//! these wait a while to see that something does *not* happen.

use std::time::Duration;

use actix::Actor;
use ratesheet::{
    ActorName, Drill, DrillActor, GetStatus, Restart, SheetConfig, Shutdown, State,
    SupervisorActor, Tab,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};
use tokio::time::Instant;

use crate::rig::{
    ONE, Process, Rig, SOON, TAB, TWO, block_on, one_price, ratesheet, sheet, status, with_tree,
};

fn writes(sandbox: &Sandbox) -> Vec<Entry> {
    sandbox.journal().into_iter().filter(Entry::is_write).collect()
}

fn slow(ms: u64) -> FaultRule {
    FaultRule::new(Service::Sheets, Fault::Delay(Duration::from_millis(ms))).path("batchUpdate")
}

async fn in_flight(rig: &Rig) {
    rig.until("a write in flight", |s| {
        s.journal().iter().any(|e| e.is_write() && e.fault.is_some() && e.ended.is_none())
    })
    .await;
}

/// Two restarts at once: two trees, two writes in flight.
#[test]
fn two_restarts_at_once_make_no_second_writer() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(800));
        in_flight(&rig).await;
        let (first, second) = (tree.send(Restart), tree.send(Restart));
        assert_eq!(tokio::join!(first, second), (Ok(()), Ok(())));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        tree.send(Shutdown).await.unwrap();
        let all = writes(&rig.sandbox);
        let over = all.windows(2).filter(|p| p[0].overlaps(&p[1])).count();
        assert_eq!(over, 0, "two writes in flight");
    });
}

/// A second Shutdown cuts the first one's write.
#[test]
fn a_second_shutdown_does_not_cut_the_write() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(800));
        in_flight(&rig).await;
        let (a, b) = tokio::join!(tree.send(Shutdown), tree.send(Shutdown));
        let last = writes(&rig.sandbox).pop().unwrap();
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        assert!(last.status == Some(200) && last.applied, "{last:?}");
    });
}

/// Shutdown while a restart is under way.
#[test]
fn a_shutdown_during_a_restart_does_not_cut_the_write() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(800));
        in_flight(&rig).await;
        let (_, stopped) = tokio::join!(tree.send(Restart), tree.send(Shutdown));
        assert_eq!(stopped, Ok(()));
        let last = writes(&rig.sandbox).pop().unwrap();
        assert!(last.status == Some(200) && last.applied, "{last:?}");
    });
}

/// Restart while the tree escalates: it runs and says that it has given up.
#[test]
fn a_restart_during_an_escalation_does_not_lie() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        config.supervision.intensity.max_restarts = 0;
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(800).times(1));
        in_flight(&rig).await;
        let order = DrillActor { actor: ActorName::Kraken, drill: Drill::Panic, relentless: false };
        tree.send(order).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        tree.send(Restart).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        rig.fresh(&[(ONE, "A1")]).await;
        let state = tree.send(GetStatus).await.unwrap().state;
        tree.send(Shutdown).await.unwrap();
        assert_eq!(state, State::Running);
    });
}

/// A write that fails while stopping makes the stop wait for the backoff.
#[test]
fn a_write_that_fails_while_stopping_is_not_waited_for_again() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.retry.backoff.min = Duration::from_secs(3600);
        config.retry.backoff.max = Duration::from_secs(3600);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(FaultRule::new(Service::Sheets, Fault::Hang).path("batchUpdate"));
        in_flight(&rig).await;
        let asked = Instant::now();
        tree.send(Shutdown).await.unwrap();
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}

/// A hanging schedule takes the whole grace.
#[test]
fn a_hanging_schedule_does_not_hold_up_the_stop() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.supervision.ping = Duration::from_secs(60);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let order =
            DrillActor { actor: ActorName::Schedule, drill: Drill::Hang, relentless: false };
        tree.send(order).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        tree.send(Shutdown).await.unwrap();
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}

/// After a park the first write is of old quotes.
#[test]
fn after_a_pause_no_old_quotes_are_written() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        config.supervision.park = Duration::from_secs(2);
        config.supervision.intensity.max_restarts = 0;
        rig.sandbox.set_ticker("XXBTZEUR", "100", "100", "100");
        let tree = SupervisorActor::new(config).start();
        rig.until("100", |_| rig.number("A1") == Some(100.0)).await;
        rig.sandbox.set_ticker("XXBTZEUR", "150", "150", "150");
        rig.until("150", |_| rig.number("A1") == Some(150.0)).await;
        let order = DrillActor {
            actor: ActorName::Sheets(ONE.into()),
            drill: Drill::Panic,
            relentless: false,
        };
        tree.send(order).await.unwrap();
        rig.sandbox.set_ticker("XXBTZEUR", "200", "200", "200");
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = writes(&rig.sandbox).len();
        rig.sandbox.set_ticker("XXBTZEUR", "300", "300", "300");
        rig.until("300 in the other", |s| {
            s.cell(TWO, TAB, "A1").and_then(|v| v.as_f64()) == Some(300.0)
        })
        .await;
        let at = rig.sandbox.journal().last().unwrap().seq;
        rig.until("written again", |_| rig.number("A1") != Some(150.0)).await;
        let first = writes(&rig.sandbox)
            .into_iter()
            .skip(before)
            .find(|e| e.seq > at && e.spreadsheet() == Some(ONE))
            .unwrap();
        tree.send(Shutdown).await.unwrap();
        assert!(
            !first.body.contains("200"),
            "a second and more after 300 was known: {}",
            first.body
        );
    });
}

/// once with a cell that Google refuses without saying which.
#[test]
fn once_waits_until_the_halving_is_over() {
    let rig = Rig::new();
    let cells: Vec<_> = (1..=16).map(|row| format!("\"A{row}\"")).collect();
    let refusal = Fault::google(400, "INVALID_ARGUMENT", "Something is wrong somewhere.");
    rig.sandbox.inject(FaultRule::new(Service::Sheets, refusal).body("!A11\""));
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": [{}] }} }}"#,
        cells.join(",")
    ));
    let output = ratesheet(&["once", "-c", file.path().to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("15 of 16 cells written"), "{text}");
}

/// The properties cannot be read: cells found by gid stand still, and nobody is told.
#[test]
fn a_cell_that_is_not_located_says_so() {
    let rig = Rig::new();
    rig.sandbox
        .inject(FaultRule::new(Service::Sheets, Fault::status(500)).path("fields=properties"));
    let gid = rig.sandbox.gid(ONE, TAB);
    let file = rig.file(&format!(
        r#"{{ "sheets": [
            {{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }}, "updated": "D1" }},
            {{ "sheet": "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={gid}", "timeout": 5000,
               "data": {{ "kraken:xbteur:buy": "B1" }}, "problem": "'Sheet 1'!E1" }} ] }}"#
    ));
    rig.sandbox.set_time_zone(ONE, "Asia/Tokyo");
    let output = ratesheet(&[
        "once",
        "-c",
        file.path().to_str().unwrap(),
        "--log-level",
        "trace",
        "--output",
        "json",
    ])
    .output()
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for cell in json["cells"].as_array().unwrap() {
        assert!(
            cell["written"] == true || cell["problem"].is_object(),
            "neither written nor explained: {cell}"
        );
    }
}

/// 9b. `updated` in the wrong time zone while the properties cannot be read.
#[test]
fn no_time_is_written_in_a_zone_that_is_not_known() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_time_zone(ONE, "Asia/Tokyo");
        rig.sandbox
            .inject(FaultRule::new(Service::Sheets, Fault::status(500)).path("fields=properties"));
        with_tree(rig.config().sheet(one_price(ONE).updated("D1")), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(rig.number("D1"), None);
            rig.sandbox.clear_faults();
            rig.until("D1", |_| rig.number("D1").is_some()).await;
        })
        .await;
        let now = jiff_now();
        let tokyo = now + 9.0 / 24.0;
        let d1 = rig.number("D1").unwrap();
        assert!((d1 - tokyo).abs() < 0.01, "off by {} hours", (d1 - tokyo) * 24.0);
    });
}

fn jiff_now() -> f64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    25_569.0 + since / 86_400.0
}

/// A redirect that repeats the token.
#[test]
fn a_redirect_that_repeats_the_token_tells_nothing() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            let token = rig
                .sandbox
                .requests(Service::Sheets)
                .iter()
                .filter_map(|e| e.header("authorization").map(str::to_owned))
                .next_back()
                .unwrap();
            let token = token.trim_start_matches("Bearer ").to_owned();
            let to = format!("http://portal.example/?back={token}");
            rig.sandbox.fault(Service::Sheets, Fault::Redirect { code: 302, to });
            let start = Instant::now();
            let failing = loop {
                if let Some(f) =
                    status(supervisor).await.spreadsheets.get(ONE).and_then(|r| r.failing.clone())
                {
                    break f;
                }
                assert!(start.elapsed() < SOON);
                tokio::task::yield_now().await;
            };
            let told = failing.failure.to_string();
            assert!(!told.contains(&token[..12]), "{told}");
        })
        .await;
    });
}

/// A token endpoint that repeats the assertion as its error's code.
#[test]
fn a_token_endpoint_that_repeats_the_assertion_as_a_code_tells_nothing() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.fault(Service::Token, Fault::oauth("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0", ""));
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            let start = Instant::now();
            let failing = loop {
                if let Some(f) =
                    status(supervisor).await.spreadsheets.get(ONE).and_then(|r| r.failing.clone())
                {
                    break f;
                }
                assert!(start.elapsed() < SOON);
                tokio::task::yield_now().await;
            };
            let told = failing.failure.to_string();
            assert!(!told.contains("eyJ"), "{told}");
        })
        .await;
    });
}

/// Titles of tabs reach the terminal as they are.
#[test]
fn a_title_does_nothing_to_a_terminal() {
    let rig = Rig::new();
    rig.sandbox.add_tab(ONE, "\u{1b}]0;owned\u{7}\u{1b}[2J\nlevel=critical\u{202e}", 10, 10);
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Nowhere", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = ratesheet(&["once", "-c", file.path().to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

/// A title of 200 kB in a report.
#[test]
fn a_long_title_is_cut_short() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, &"x".repeat(200_000), 10, 10);
        let sheet = SheetConfig::new(ONE, "Nowhere")
            .every(Duration::from_millis(20))
            .cell("kraken:xbteur:sell", "A1")
            .problem("'Sheet 1'!E1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            let r =
                crate::rig::report(supervisor, |r| r.settled > 0 && r.cells[0].failing.is_some())
                    .await;
            let n = r.cells[0].failing.as_ref().unwrap().to_string().len();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let p = rig.sandbox.cell(ONE, TAB, "E1").map(|v| v.to_string().len());
            assert!(n < 2_000, "{n} bytes of failure; problem cell {p:?}");
        })
        .await;
    });
}

/// SIGHUP with an authority file that is not there.
#[test]
fn a_reload_that_cannot_be_built_leaves_the_old_tree() {
    let rig = Rig::new();
    let text = format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 20, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    );
    let file = rig.file(&text);
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.sandbox.wait_for_blocking(|_| rig.number("A1").is_some(), SOON).unwrap();
    let new = rig.file(&text.replacen('{', r#"{ "tls": { "ca_file": "/nonexistent.pem" },"#, 1));
    std::fs::copy(new.path(), file.path()).unwrap();
    process.signal("HUP");
    std::thread::sleep(Duration::from_secs(1));
    process.signal("TERM");
    let output = process.end();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
}

/// check tells of a flag that is not there.
#[test]
fn what_check_recommends_exists() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = ratesheet(&["check", "-c", file.path().to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("check --online"), "{text}");
    let code = ratesheet(&["check", "--online", "-c", file.path().to_str().unwrap()])
        .output()
        .unwrap()
        .status
        .code();
    assert_ne!(code, Some(64));
}

/// demo with a drill and few ticks.
#[test]
fn a_demo_with_a_drill_ends() {
    let mut child =
        ratesheet(&["demo", "--ticks", "12", "--every", "30", "--drill", "sheets:panic"])
            .spawn()
            .unwrap();
    let start = tokio::time::Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > Duration::from_secs(15) {
            drop(child.kill());
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(child.wait());
    assert_eq!(code, Some(0), "after 15 s it still waits for tick 12");
}

/// The other cells while a whole tab of a hundred cells is protected.
#[test]
fn a_protected_tab_does_not_stop_the_others() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 200, 10);
        let sheet = (1..=100).fold(one_price(ONE), |sheet, row| {
            sheet.cell("kraken:xbteur:sell", &format!("Other!A{row}"))
        });
        let mut config = rig.config();
        config.retry.probe = Duration::from_secs(300);
        with_tree(config.sheet(sheet), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.protect(ONE, "Other", "A1:A100");
            let before = rig.sandbox.count(Service::Sheets);
            rig.fresh(&[(ONE, "A1")]).await;
            let all = rig.sandbox.requests(Service::Sheets);
            let refused = all.iter().skip(before).filter(|e| e.status == Some(400)).count();
            let reads = all.iter().skip(before).filter(|e| e.method == "GET").count();
            assert!(refused < 10, "{refused} refused writes and {reads} reads before A1 is fresh");
        })
        .await;
    });
}

/// A 429 of the reads stops the writes.
#[test]
fn a_quota_of_reads_does_not_stop_the_writes_of_others() {
    block_on(async {
        let rig = Rig::new();
        let quota = Fault::google(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'Read requests'",
        )
        .header("Retry-After", "20");
        rig.sandbox.inject(
            FaultRule::new(Service::Sheets, quota).path("fields=properties").spreadsheet(ONE),
        );
        with_tree(rig.config().sheet(one_price(ONE)).sheet(one_price(TWO)), async |_| {
            let start = Instant::now();
            rig.fresh(&[(TWO, "A1")]).await;
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        })
        .await;
    });
}

/// Logging of a cadence of one millisecond.
#[test]
fn a_fast_cadence_does_not_flood_the_log() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 1, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.sandbox.wait_for_blocking(|_| rig.number("A1").is_some(), SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    process.signal("TERM");
    let output = process.end();
    let log = String::from_utf8(output.stderr).unwrap();
    let still = log.lines().filter(|l| l.contains("stood still")).count();
    assert!(
        log.lines().count() < 20,
        "{} lines in 3 s, {still} of them 'stood still'",
        log.lines().count()
    );
}

/// Kraken: the second chunk is rate limited.
#[test]
fn a_wait_that_kraken_asks_for_is_kept_even_if_there_are_some_quotes() {
    block_on(async {
        let rig = Rig::new();
        let pairs = rig.sandbox.pairs();
        let sheet = pairs.iter().enumerate().fold(one_price(ONE), |sheet, (row, pair)| {
            sheet.cell(&format!("kraken:{pair}:last"), &format!("B{}", row + 1))
        });
        let limit = Fault::status(429).header("Retry-After", "30");
        let last = pairs.iter().max().unwrap().clone();
        rig.sandbox.inject(
            FaultRule::new(Service::Kraken, limit).path(&last.to_string()).path("Ticker").skip(1),
        );
        let mut config = rig.config();
        config.kraken.requests_per_second = 1000.0;
        with_tree(config.sheet(sheet), async |_| {
            tokio::time::sleep(Duration::from_millis(1000)).await;
            let met = rig
                .sandbox
                .requests(Service::Kraken)
                .iter()
                .filter(|e| e.status == Some(429))
                .count();
            assert!(met <= 1, "{met} requests were refused, though Kraken asked for 30 s of peace");
        })
        .await;
    });
}

/// A gid whose title another tab has taken.
#[test]
fn a_gid_is_kept_to_when_titles_are_exchanged() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 100, 26);
        let url = format!(
            "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={}",
            rig.sandbox.gid(ONE, TAB)
        );
        let sheet = SheetConfig::new(&url, Tab::First)
            .every(Duration::from_millis(20))
            .cell("kraken:xbteur:sell", "A1");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.until("A1", |_| rig.number("A1").is_some()).await;
            rig.sandbox.rename_tab(ONE, TAB, "Old");
            rig.sandbox.rename_tab(ONE, "Other", TAB);
            // 'Sheet 1' is now the user's other tab. That is noticed at the next reading.
            let old = rig.sandbox.cell(ONE, "Old", "A1");
            rig.until("the tab of this gid", |s| s.cell(ONE, "Old", "A1") != old).await;
            let wrong = rig.sandbox.cell(ONE, TAB, "A1");
            let old = rig.sandbox.cell(ONE, "Old", "A1");
            rig.until("the same tab", |s| s.cell(ONE, "Old", "A1") != old).await;
            assert_eq!(rig.sandbox.cell(ONE, TAB, "A1"), wrong, "the wrong tab is overwritten");
        })
        .await;
    });
}

/// A partial answer beside an error.
#[test]
fn a_pair_missing_beside_an_error_is_not_called_unknown() {
    block_on(async {
        let rig = Rig::new();
        let row = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}"#;
        let body = format!(r#"{{"error":["EService:Busy"],"result":{{"XETHZEUR":{row}}}}}"#);
        let sheet = one_price(ONE).cell("kraken:etheur:sell", "B1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.inject(
                FaultRule::new(Service::Kraken, Fault::json(200, body)).path("Ticker").times(1),
            );
            let start = Instant::now();
            let why = loop {
                let s = status(supervisor).await;
                if let Some(f) = s
                    .spreadsheets
                    .get(ONE)
                    .and_then(|r| r.cells.iter().find_map(|c| c.failing.clone()))
                {
                    break f;
                }
                assert!(start.elapsed() < SOON);
                tokio::task::yield_now().await;
            };
            assert!(!why.to_string().contains("does not know"), "{why}");
        })
        .await;
    });
}

/// An embedder's Subscribe that is stuck holds up the stop.
#[test]
fn stuck_subscribers_do_not_hold_up_a_stop() {
    struct Deaf;
    impl Actor for Deaf {
        type Context = actix::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            use actix::{AsyncContext as _, WrapFuture as _};
            ctx.wait(std::future::pending::<()>().into_actor(self));
        }
    }
    impl actix::Handler<ratesheet::Event> for Deaf {
        type Result = ();
        fn handle(&mut self, _: ratesheet::Event, _: &mut Self::Context) {}
    }
    block_on(async {
        let rig = Rig::new();
        let tree = SupervisorActor::new(rig.config().sheet(one_price(ONE)));
        let tree = (0..10).fold(tree, |tree, _| tree.subscriber(Deaf.start().recipient())).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let asked = Instant::now();
        tree.send(Shutdown).await.unwrap();
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}

/// Shut the process down twice by SIGHUP then SIGTERM.
#[test]
fn hup_and_term_at_once_finish_the_write() {
    let rig = Rig::new();
    let text = format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 20, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    );
    let file = rig.file(&text);
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.sandbox.wait_for_blocking(|_| rig.number("A1").is_some(), SOON).unwrap();
    rig.sandbox.inject(slow(900));
    rig.sandbox
        .wait_for_blocking(
            |s| s.journal().iter().any(|e| e.is_write() && e.fault.is_some() && e.ended.is_none()),
            SOON,
        )
        .unwrap();
    process.signal("HUP");
    std::thread::sleep(Duration::from_millis(200));
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
    let last = writes(&rig.sandbox).pop().unwrap();
    assert!(last.applied && last.status == Some(200), "{last:?}");
}

/// The price goes back.
#[test]
fn no_price_goes_back_when_a_reload_meets_a_restart() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        rig.sandbox.set_ticker("XXBTZEUR", "50", "50", "50");
        let tree = SupervisorActor::new(config).start();
        rig.until("50", |_| rig.number("A1") == Some(50.0)).await;
        rig.sandbox.inject(slow(800).times(1));
        rig.sandbox.set_ticker("XXBTZEUR", "100", "100", "100");
        in_flight(&rig).await;
        rig.sandbox.set_ticker("XXBTZEUR", "200", "200", "200");
        let both = actix_rt::spawn({
            let tree = tree.clone();
            async move { tokio::join!(tree.send(Restart), tree.send(Restart)) }
        });
        let mut seen = vec![50.0];
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            let now = rig.number("A1").unwrap();
            if seen.last() != Some(&now) {
                seen.push(now);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        both.await.unwrap().0.unwrap();
        tree.send(Shutdown).await.unwrap();
        assert!(seen.windows(2).all(|p| p[0] <= p[1]), "{seen:?}");
    });
}

/// The request for a token outlives its tree.
#[test]
fn a_token_request_does_not_outlive_its_tree() {
    let rig = Rig::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::Read as _;
        let (mut stream, _) = listener.accept().unwrap();
        let began = tokio::time::Instant::now();
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).unwrap_or(0) > 0 {}
        sender.send(began.elapsed()).ok();
    });
    let mut key: serde_json::Value =
        serde_json::from_str(&rig.sandbox.service_account_key()).unwrap();
    key["token_uri"] = format!("http://127.0.0.1:{port}/token").into();
    std::fs::write(rig.key.path(), key.to_string()).unwrap();
    block_on(async {
        let mut config = rig.config().sheet(one_price(ONE));
        config.shutdown_grace = Duration::from_millis(100);
        let tree = SupervisorActor::new(config).start();
        tokio::time::sleep(Duration::from_millis(500)).await;
        tree.send(Shutdown).await.unwrap();
        // The host lives on, for much longer than the deadline of a token.
        tokio::time::sleep(Duration::from_secs(14)).await;
        let ended = receiver.try_recv();
        assert!(
            ended.is_ok(),
            "14 s after the stop, and 4 s after its deadline, the request is still open"
        );
    });
}

/// A key file that is a pipe.
#[test]
fn a_key_that_is_a_pipe_does_not_stop_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("key.json");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        block_on(async {
            let rig = Rig::new();
            let tree =
                SupervisorActor::new(rig.config().credentials(&fifo).sheet(one_price(ONE))).start();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let state = tree.send(GetStatus).await.unwrap().state;
            sender.send(state).ok();
        });
    });
    let state = receiver.recv_timeout(Duration::from_secs(5));
    assert!(state.is_ok(), "the thread, with everything on it, stands still for ever");
}

/// A supervisor that is dropped before its first turn.
#[test]
fn a_tree_that_never_had_a_turn_does_not_panic() {
    let rig = Rig::new();
    let config = rig.config().sheet(one_price(ONE));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let own = seen.clone();
    let id = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == id {
            own.lock().unwrap().push(info.to_string());
        }
    }));
    let system = actix_rt::System::new();
    system.block_on(async { drop(SupervisorActor::new(config).start().downgrade()) });
    drop(system);
    std::panic::set_hook(before);
    let seen = seen.lock().unwrap();
    assert!(seen.is_empty(), "{seen:?}");
}

/// A receiver that is down: how often is the log told?
#[test]
fn an_actor_that_is_down_does_not_flood_the_log() {
    let rig = Rig::new();
    let output = ratesheet(&[
        "demo",
        "--every",
        "20",
        "--ticks",
        "400",
        "--drill",
        "kraken:hang",
        "--log-level",
        "warn",
    ]);
    let mut output = output;
    let mut child = output.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(12));
    drop(child.kill());
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let n = log.lines().filter(|l| l.contains("cannot be delivered")).count();
    drop(rig);
    assert!(n < 10, "{n} warnings that a tick cannot be delivered");
}

/// 20b. Kraken: the second chunk is rate limited, the first is not.
#[test]
fn kraken_s_wait_is_kept_even_if_there_are_some_quotes() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let row = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}"#;
        let rows: Vec<_> = (0..100).map(|n| format!(r#""AAA{n:03}EUR":{row}"#)).collect();
        let body = format!(r#"{{"error":[],"result":{{{}}}}}"#, rows.join(","));
        rig.sandbox
            .inject(FaultRule::new(Service::Kraken, Fault::json(200, body)).path("pair=AAA000EUR"));
        let limit = Fault::status(429).header("Retry-After", "30");
        rig.sandbox.inject(FaultRule::new(Service::Kraken, limit).path("pair=AAA100EUR"));
        let sheet = (0..150).fold(sheet(ONE), |sheet, n| {
            sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
        });
        with_tree(rig.config().sheet(sheet), async |_| {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let met = rig
                .sandbox
                .requests(Service::Kraken)
                .iter()
                .filter(|e| e.status == Some(429))
                .count();
            assert!(
                met <= 1,
                "{met} requests were refused in 1.5 s, though Kraken asked for 30 s of peace"
            );
        })
        .await;
    });
}

/// 20c. A partial failure of a slow sheet is not tried again before its next tick.
#[test]
fn a_partial_failure_is_tried_again() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let row = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}"#;
        let rows = |range: std::ops::Range<u32>| {
            let rows: Vec<_> = range.map(|n| format!(r#""AAA{n:03}EUR":{row}"#)).collect();
            Fault::json(200, format!(r#"{{"error":[],"result":{{{}}}}}"#, rows.join(",")))
        };
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(0..100)).path("pair=AAA000EUR"));
        rig.sandbox.inject(
            FaultRule::new(Service::Kraken, Fault::Html(520)).path("pair=AAA100EUR").times(1),
        );
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(100..150)).path("pair=AAA100EUR"));
        let sheet = (0..150)
            .fold(SheetConfig::new(ONE, TAB).every(Duration::from_secs(3600)), |sheet, n| {
                sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
            });
        with_tree(rig.config().sheet(sheet), async |_| {
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(rig.number("B1").is_some());
            assert!(rig.number("B120").is_some(), "it waits for the next tick, in an hour");
        })
        .await;
    });
}

/// The newest quote of each pair, whatever was due last.
#[test]
fn the_newest_quote_of_every_pair_is_in_the_status() {
    block_on(async {
        let rig = Rig::new();
        let slow = SheetConfig::new(TWO, TAB)
            .every(Duration::from_secs(3600))
            .cell("kraken:etheur:buy", "A1");
        with_tree(rig.config().sheet(one_price(ONE)).sheet(slow), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.until("A1 of the other", |s| s.cell(TWO, TAB, "A1").is_some()).await;
            rig.fresh(&[(ONE, "A1")]).await;
            let quotes = status(supervisor).await.kraken.quotes;
            let pair = "etheur".parse().unwrap();
            assert!(quotes.contains_key(&pair), "{:?}", quotes.keys().collect::<Vec<_>>());
        })
        .await;
    });
}

/// Nothing to write is no recovery.
#[test]
fn a_price_that_comes_back_is_no_recovery() {
    block_on(async {
        let rig = Rig::new();
        let set = |p: &str| rig.sandbox.set_ticker("XXBTZEUR", p, p, p);
        set("1");
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.until("1", |_| rig.number("A1") == Some(1.0)).await;
            rig.sandbox.trash(ONE);
            set("2");
            let get = async || crate::rig::report(supervisor, |_| true).await;
            let start = Instant::now();
            while get().await.failing.is_none() {
                assert!(start.elapsed() < SOON);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            set("1");
            tokio::time::sleep(Duration::from_secs(2)).await;
            let r = get().await;
            assert!(
                r.failing.is_some(),
                "it is said to be written again, and is in the bin: {:?}",
                r.last_success
            );
        })
        .await;
    });
}

/// once with many spreadsheets.
#[test]
fn once_bears_many_spreadsheets() {
    let rig = Rig::new();
    let sheets: Vec<_> = (0..300)
        .map(|n| {
            let id = format!("one-of-very-many-spreadsheets-{n:03}");
            rig.sandbox.create_spreadsheet(&id, "x", &[(TAB, 10, 10)]);
            format!(r#"{{ "sheet": "{id}:Sheet 1", "timeout": 600000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#)
        })
        .collect();
    rig.sandbox.fault(Service::Token, Fault::oauth("invalid_grant", "account not found"));
    let file = rig.file(&format!(r#"{{ "sheets": [{}] }}"#, sheets.join(",")));
    let start = tokio::time::Instant::now();
    let mut child = ratesheet(&["once", "-c", file.path().to_str().unwrap(), "--output", "json"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > Duration::from_secs(30) {
            drop(child.kill());
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(child.wait());
    assert_eq!(code, Some(77));
}

/// Two configured sheets that are one tab.
#[test]
fn one_cell_by_two_names_is_noticed() {
    block_on(async {
        let rig = Rig::new();
        let url = format!(
            "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={}",
            rig.sandbox.gid(ONE, TAB)
        );
        let other = SheetConfig::new(&url, Tab::First)
            .every(Duration::from_millis(20))
            .cell("kraken:etheur:sell", "A1");
        with_tree(rig.config().sheet(one_price(ONE)).sheet(other), async |supervisor| {
            rig.until("A1", |_| rig.number("A1").is_some()).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let r = status(supervisor).await.spreadsheets.get(ONE).cloned().unwrap();
            assert!(
                r.cells.iter().any(|c| c.failing.is_some()),
                "both are said to be written: {:?}",
                r.cells.iter().map(|c| (c.cell.clone(), c.written.clone())).collect::<Vec<_>>()
            );
        })
        .await;
    });
}

/// A write that is given up and applied late.
#[test]
fn a_write_that_is_applied_late_does_not_stay() {
    block_on(async {
        let rig = Rig::new();
        let set = |p: &str| rig.sandbox.set_ticker("XXBTZEUR", p, p, p);
        set("50");
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.until("50", |_| rig.number("A1") == Some(50.0)).await;
            let late = Fault::ApplyLate(Duration::from_millis(1500));
            rig.sandbox.inject(FaultRule::new(Service::Sheets, late).path("batchUpdate").times(1));
            set("100");
            rig.until("late", |s| s.journal().iter().any(|e| e.fault.is_some())).await;
            set("200");
            rig.until("200", |_| rig.number("A1") == Some(200.0)).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(rig.number("A1"), Some(200.0), "5 s, that is 250 ticks, later");
        })
        .await;
    });
}

/// One odd answer does not hold back a pair that Kraken lists, however seldom probes are.
#[test]
fn a_pair_that_one_answer_leaves_out_is_asked_for_at_the_next_tick() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.retry.probe = Duration::from_secs(600);
        with_tree(config, async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            let odd = Fault::json(200, r#"{"error":[],"result":{}}"#);
            rig.sandbox.inject(FaultRule::new(Service::Kraken, odd).path("Ticker").times(3));
            rig.until("three odd answers", |s| {
                s.requests(Service::Kraken).iter().filter(|e| e.fault.is_some()).count() >= 3
            })
            .await;
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}
