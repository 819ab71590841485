//! What fails alone: one pair, one cell, one tab, one spreadsheet. The others are as fresh as
//! ever.

use std::{collections::BTreeSet, time::Duration};

use actix::Addr;
use ratesheet::{
    ActorName, Config, Drill, DrillActor, FailureClass, KrakenReport, SheetConfig,
    SpreadsheetReport, SupervisorActor,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};

use tokio::time::Instant;

use crate::rig::{
    ONE, Rig, SOON, TAB, TWO, block_on, cells, one_price, report, sheet, status, tickers, ticks,
    with_tree,
};

/// Whether a request writes to this spreadsheet.
fn writes(entry: &Entry, id: &str) -> bool {
    entry.is_write() && entry.spreadsheet() == Some(id)
}

async fn kraken(supervisor: &Addr<SupervisorActor>) -> KrakenReport {
    status(supervisor).await.kraken
}

fn text(sandbox: &Sandbox, cell: &str) -> String {
    let value = sandbox.cell(ONE, TAB, cell);
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[test]
fn an_unknown_pair_stops_its_own_cells_alone() {
    block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).cell("kraken:xbteuro:buy", "A2").problem("E1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.until("the problem is told in the sheet", |sandbox| {
                text(sandbox, "E1").contains("Cell A2: Kraken does not know the pair xbteuro")
            })
            .await;
            assert!(text(&rig.sandbox, "E1").contains("Did you mean XBT/EUR?"));
            assert_eq!(rig.number("A2"), None);
            let report = report(supervisor, |report| report.writes > 0).await;
            assert_eq!(report.cells.iter().filter(|cell| cell.failing.is_some()).count(), 1);
            assert!(report.failing.is_none());
        })
        .await;
    });
}

/// What was set aside is not tried again sooner, by [`Rig::config`].
const SET_ASIDE: Duration = Duration::from_millis(240);

/// How often something may have happened that happens once, and then once for each probe.
fn once_and_by_probes(start: Instant) -> usize {
    1 + start.elapsed().div_duration_f64(SET_ASIDE).ceil() as usize
}

#[test]
fn a_pair_that_is_delisted_meanwhile_stops_its_own_cells_alone_until_it_is_back() {
    block_on(async {
        let rig = Rig::new();
        let sheet = (0..20).fold(one_price(ONE), |sheet, row| {
            let pairs = ["ETHEUR", "SOLEUR", "ADAEUR", "XRPEUR", "LTCEUR"];
            sheet.cell(&format!("kraken:{}:buy", pairs[row % 5]), &format!("B{}", row + 1))
        });
        with_tree(rig.patient().sheet(sheet), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.delist("ADAEUR");
            let start = Instant::now();
            let (asked, fetched) = (tickers(&rig.sandbox).len(), kraken(supervisor).await.fetches);
            rig.fresh(&[(ONE, "A1")]).await;
            let before = rig.last();
            ticks(supervisor, 40).await;
            // All others are had by each fetch; to find which is refused takes one more request.
            let now = kraken(supervisor).await;
            assert_eq!(now.failures, 0);
            assert_eq!(now.missing.keys().map(ToString::to_string).collect::<Vec<_>>(), ["ADAEUR"]);
            let more = tickers(&rig.sandbox).len() - asked - (now.fetches - fetched) as usize;
            // One more may be on its way.
            let (least, most) = (1, 1 + once_and_by_probes(start));
            assert!((least..=most).contains(&more), "{more} requests beyond one a fetch");
            let of = |rows: &[usize]| -> BTreeSet<_> {
                rows.iter().map(|row| format!("'{TAB}'!B{row}")).collect()
            };
            let (own, others): (Vec<_>, Vec<_>) = (1..=20).partition(|row| row % 5 == 3);
            let since = |sandbox: &Sandbox| -> BTreeSet<_> {
                let writes = sandbox.journal_since(before).into_iter().filter(Entry::is_write);
                writes.flat_map(|write| cells(&write)).map(|(range, _)| range).collect()
            };
            rig.until("all others", |sandbox| since(sandbox).is_superset(&of(&others))).await;
            assert!(since(&rig.sandbox).is_disjoint(&of(&own)), "a price that is none");
            rig.sandbox.relist("ADAEUR");
            let old = rig.number("B3");
            rig.until("the pair is written again", |_| rig.number("B3") != old).await;
        })
        .await;
    });
}

#[test]
fn an_empty_side_of_the_book_is_no_price() {
    block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).cell("kraken:etheur:buy", "A2").cell("kraken:etheur:sell", "A3");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.until("prices", |_| rig.number("A2").is_some()).await;
            rig.sandbox.set_ticker("XETHZEUR", "1800", "1700", "1750");
            rig.until("the ask", |_| rig.number("A2") == Some(1_800.0)).await;
            rig.sandbox.set_ticker("XETHZEUR", "0.00000", "1701", "1750");
            rig.until("the bid goes on", |_| rig.number("A3") == Some(1_701.0)).await;
            assert_eq!(rig.number("A2"), Some(1_800.0));
            let stands = |report: &SpreadsheetReport| report.cells[1].failing.is_some();
            let why = report(supervisor, stands).await.cells[1].failing.clone().unwrap();
            assert_eq!(why.to_string(), "Kraken states no buy (best ask) for etheur at present");
            assert!(why.class == FailureClass::NoQuote && !why.class.is_permanent());
        })
        .await;
    });
}

#[test]
fn a_renamed_tab_stops_its_own_cells_alone_until_it_is_renamed_back() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 10, 10);
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "Other!A1");
        let other = |sandbox: &Sandbox, tab: &str| sandbox.cell(ONE, tab, "A1");
        with_tree(rig.patient().sheet(sheet), async |supervisor| {
            rig.until("both tabs", |sandbox| other(sandbox, "Other").is_some()).await;
            let (before, start) = (rig.last(), Instant::now());
            rig.sandbox.rename_tab(ONE, "Other", "Another");
            rig.fresh(&[(ONE, "A1")]).await;
            let old = other(&rig.sandbox, "Another");
            ticks(supervisor, 40).await;
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(other(&rig.sandbox, "Another"), old);
            // The others are written without it, and it is not looked for with every tick.
            let since = rig.sandbox.journal_since(before);
            let refused = since.iter().filter(|entry| entry.status == Some(400)).count();
            let read = since.iter().filter(|entry| entry.path().ends_with(ONE)).count();
            let most = once_and_by_probes(start);
            assert!((1..=most).contains(&refused), "{refused} writes are refused");
            assert!((1..=most).contains(&read), "it is read {read} times");
            rig.sandbox.rename_tab(ONE, "Another", "Other");
            rig.until("the tab is written again", |sandbox| other(sandbox, "Other") != old).await;
        })
        .await;
    });
}

#[test]
fn a_protected_cell_and_one_beyond_the_grid_stand_still_alone() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.protect(ONE, TAB, "A2");
        let sheet = one_price(ONE)
            .cell("kraken:xbteur:buy", "A2")
            .cell("kraken:xbteur:last", "A2000")
            .cell("kraken:xbteur:open", "A3");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.until("the others", |_| rig.number("A3").is_some()).await;
            assert_eq!(rig.number("A2"), None);
            rig.sandbox.unprotect(ONE, TAB);
            rig.until("the cell is no longer protected", |_| rig.number("A2").is_some()).await;
        })
        .await;
    });
}

#[test]
fn a_write_that_is_refused_without_a_reason_is_halved_until_the_cell_is_found() {
    block_on(async {
        let rig = Rig::new();
        let sheet = (1..=16)
            .fold(sheet(ONE), |sheet, row| sheet.cell("kraken:xbteur:sell", &format!("A{row}")));
        let refusal = Fault::google(400, "INVALID_ARGUMENT", "Something is wrong somewhere.");
        rig.sandbox.inject(FaultRule::new(Service::Sheets, refusal).body("!A11\""));
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.until("all but one", |_| {
                (1..=16).filter(|row| rig.number(&format!("A{row}")).is_some()).count() == 15
            })
            .await;
            rig.fresh(&[(ONE, "A1"), (ONE, "A16")]).await;
            assert_eq!(rig.number("A11"), None);
        })
        .await;
    });
}

/// Eight more spreadsheets, each with a price five times a second.
fn eight_more(rig: &Rig, mut config: Config) -> (Config, Vec<String>) {
    let ids: Vec<_> = (3..=10).map(|n| format!("{n}-one-of-ten-spreadsheets")).collect();
    for id in &ids {
        rig.sandbox.create_spreadsheet(id, "One of ten", &[(TAB, 10, 10)]);
        config = config.sheet(one_price(id).every(Duration::from_millis(200)));
    }
    (config, ids)
}

/// How long each of forty prices takes from Kraken to the other spreadsheet, from the quickest on.
async fn ages(rig: &Rig) -> Vec<Duration> {
    let mut ages = Vec::new();
    for price in 1..=40 {
        let start = Instant::now();
        rig.set_price(price);
        let shows = |sandbox: &Sandbox| {
            sandbox.cell(TWO, TAB, "A1").and_then(|value| value.as_f64()) == Some(price.into())
        };
        rig.until("the next price", shows).await;
        ages.push(start.elapsed());
    }
    ages.sort();
    ages
}

#[test]
fn a_spreadsheet_that_fails_for_ever_does_not_disturb_another() {
    type Trouble = fn(&Rig);
    let troubles: [(&str, Trouble); 3] = [
        ("is gone", |rig| rig.sandbox.trash(ONE)),
        ("is not shared", |rig| rig.sandbox.unshare(ONE)),
        ("hangs", |rig| {
            rig.sandbox.inject(FaultRule::new(Service::Sheets, Fault::Hang).spreadsheet(ONE));
        }),
    ];
    for (name, trouble) in troubles {
        block_on(async {
            // The one has the trouble, and the other the same load of the machine.
            let (rig, control) = (Rig::new(), Rig::new());
            let config = |rig: &Rig| {
                let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
                config.supervision.ping = SOON; // nobody who hangs is replaced
                eight_more(rig, config)
            };
            let ((one, ids), (other, _)) = (config(&rig), config(&control));
            with_tree(one, async |_| {
                with_tree(other, async |_| {
                    rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
                    control.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
                    trouble(&rig);
                    let (beside, alone) = tokio::join!(ages(&rig), ages(&control));
                    // The one in the middle, and of ten the last but one.
                    for at in [20, 36] {
                        assert!(beside[at] < 3 * alone[at], "{name}: {beside:?}, not {alone:?}");
                    }
                    rig.fresh(&ids.iter().map(|id| (id.as_str(), "A1")).collect::<Vec<_>>()).await;
                })
                .await;
            })
            .await;
        });
    }
}

#[test]
fn a_spreadsheet_that_is_shared_again_is_written_again() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.unshare(ONE);
        let config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        with_tree(config, async |supervisor| {
            rig.fresh(&[(TWO, "A1")]).await;
            rig.until("the refusal is known", |sandbox| {
                sandbox.journal().iter().any(|entry| entry.status == Some(403))
            })
            .await;
            rig.fresh(&[(TWO, "A1")]).await;
            let report = report(supervisor, |report| report.failing.is_some()).await;
            let told = report.failing.unwrap().failure.to_string();
            assert!(told.contains("as an Editor"), "{told}");
            rig.sandbox.share(ONE);
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

/// Who may read a spreadsheet may not write it yet.
#[test]
fn a_spreadsheet_that_is_shared_for_viewing_is_written_once_it_is_for_editing() {
    block_on(async {
        let rig = Rig::new();
        let refusal = "The caller does not have permission";
        let refusal = Fault::google(403, "PERMISSION_DENIED", refusal);
        let viewed = FaultRule::new(Service::Sheets, refusal).path("batchUpdate").spreadsheet(ONE);
        let viewed = rig.sandbox.inject(viewed);
        let config = rig.patient().sheet(one_price(ONE)).sheet(one_price(TWO));
        let start = Instant::now();
        with_tree(config, async |supervisor| {
            let often = |report: &SpreadsheetReport| {
                report.failing.as_ref().is_some_and(|failing| failing.attempts >= 3)
            };
            let failure = report(supervisor, often).await.failing.unwrap().failure;
            assert_eq!(failure.class, FailureClass::Spreadsheet, "{failure}");
            assert!(failure.to_string().contains("as an Editor"), "{failure}");
            // Nobody else waits for it, and it is not asked for with every tick.
            rig.fresh(&[(TWO, "A1")]).await;
            let all = rig.sandbox.journal();
            let refused = all.iter().filter(|entry| entry.status == Some(403)).count();
            let most = once_and_by_probes(start);
            assert!(refused <= most, "{refused} writes are refused");
            assert_eq!(rig.number("A1"), None);
            rig.sandbox.clear_fault(viewed);
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn a_quota_of_reads_does_not_stop_the_writes() {
    block_on(async {
        let rig = Rig::new();
        let quota = "Quota exceeded for quota metric 'Read requests'";
        let quota = Fault::google(429, "RESOURCE_EXHAUSTED", quota).header("Retry-After", "600");
        rig.sandbox.inject(FaultRule::new(Service::Sheets, quota).path("fields=properties"));
        rig.sandbox.protect(ONE, TAB, "A2");
        // A bad cell has the spreadsheet read again.
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "A2");
        with_tree(rig.config().sheet(sheet).sheet(one_price(TWO)), async |supervisor| {
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
            let report = report(supervisor, |report| report.writes > 0).await;
            assert!(report.failing.is_none(), "{report:?}");
        })
        .await;
        let asked = rig.sandbox.journal().iter().filter(|e| e.status == Some(429)).count();
        assert!(asked <= 2, "{asked}: each may have been on its way before the other's answer");
    });
}

#[test]
fn a_reading_that_hangs_holds_up_no_write_no_restart_and_no_stop() {
    let begun = block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "A2");
        with_tree(rig.patient().sheet(sheet), async |tree| {
            rig.fresh(&[(ONE, "A1"), (ONE, "A2")]).await;
            let hangs = FaultRule::new(Service::Sheets, Fault::Hang).path("fields=properties");
            rig.sandbox.inject(hangs.times(2));
            let read = |sandbox: &Sandbox| {
                let hanging = |entry: &Entry| entry.fault.is_some() && entry.ended.is_none();
                sandbox.journal().iter().any(hanging)
            };
            // A bad cell has the spreadsheet read again.
            rig.sandbox.protect(ONE, TAB, "A2");
            rig.until("a reading", read).await;
            for _ in 0..3 {
                rig.fresh(&[(ONE, "A1")]).await;
            }
            assert!(read(&rig.sandbox), "it has come meanwhile");
            let actor = ActorName::Sheets(ONE.into());
            let order = DrillActor { actor, drill: Drill::Panic, relentless: false };
            assert_eq!(tree.send(order).await, Ok(true));
            rig.until("a reading", |s| {
                s.journal().iter().filter(|e| e.fault.is_some()).count() == 2
            })
            .await;
            Instant::now()
        })
        .await
    });
    assert!(begun.elapsed() < SOON / 2, "it is waited for");
}

#[test]
fn sheets_keep_their_own_cadence() {
    block_on(async {
        let rig = Rig::new();
        let slow = SheetConfig::new(TWO, TAB).every(Duration::from_secs(600));
        let config = rig.config().sheet(one_price(ONE)).sheet(slow.cell("kraken:xbteur:buy", "A1"));
        with_tree(config, async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.fresh(&[(ONE, "A1")]).await;
            let all = rig.sandbox.journal();
            assert_eq!(all.iter().filter(|entry| writes(entry, TWO)).count(), 1);
        })
        .await;
    });
}

#[test]
fn named_ranges_and_gids_follow_when_the_sheet_changes() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_named_range(ONE, "BtcPrice", TAB, "C5");
        let url = format!(
            "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={}",
            rig.sandbox.gid(ONE, TAB)
        );
        let sheet = SheetConfig::new(&url, ratesheet::Tab::First)
            .every(Duration::from_millis(20))
            .cell("kraken:xbteur:sell", "BtcPrice")
            .cell("kraken:xbteur:buy", "A1");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.fresh(&[(ONE, "C5"), (ONE, "A1")]).await;
            rig.sandbox.insert_rows(ONE, TAB, 3, 2);
            rig.fresh(&[(ONE, "C7")]).await;
            rig.sandbox.rename_tab(ONE, TAB, "Renamed");
            let shown = |sandbox: &Sandbox| sandbox.cell(ONE, "Renamed", "A1");
            let old = shown(&rig.sandbox);
            rig.until("the renamed tab is written", |sandbox| shown(sandbox) != old).await;
        })
        .await;
    });
}
