//! Outages of every kind, and that each heals by itself.

use std::time::Duration;

use ratesheet::{
    Config,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};
use tokio::time::Instant;

use crate::rig::{
    ONE, Rig, block_on, eventually, is_failing, one_price, report, status, with_tree,
};

/// A busy machine may take so many times as long as it should.
const BUSY: u32 = 4;

/// How long it may take until all is fresh again: from a tick, what hangs still hangs up to its
/// deadline, at Kraken and then at Google; each waits for its next attempt; and a spreadsheet that
/// was taken for a person's to mend is looked at in time.
fn healed(config: &Config) -> Duration {
    let deadlines = config.kraken.deadline + config.google.deadline;
    let waits = 2 * config.retry.backoff.max + config.retry.probe;
    BUSY * (config.sheets[0].every + deadlines + waits)
}

/// Runs a tree through an outage: once it writes, `fault` meets every request to `service` until
/// it has met so many, and is noticed: who took it for an answer would not say that anything fails.
/// Then it is taken back, and fresh prices must follow, and nothing fail any more. No actor may
/// have been restarted.
fn heals(service: Service, fault: Fault, times: usize) {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE));
        let healed = healed(&config);
        with_tree(config, async |supervisor| {
            rig.until("the first price", |_| rig.number("A1").is_some()).await;
            // A token lasts an hour: only a new one meets a fault of the token endpoint.
            if service == Service::Token {
                rig.sandbox.revoke_tokens();
            }
            let name = format!("{fault:?}");
            let id = rig.sandbox.fault(service, fault);
            rig.until(&format!("{times} requests that meet {name}"), |sandbox| {
                let met = sandbox.requests(service);
                met.iter().filter(|entry| entry.fault.is_some() && entry.ended.is_some()).count()
                    >= times
            })
            .await;
            let noticed = async || is_failing(supervisor, service).await;
            eventually(&format!("{name} is noticed"), noticed).await;
            rig.sandbox.clear_fault(id);
            let start = Instant::now();
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(start.elapsed() < healed, "{name}: fresh after {:?}", start.elapsed());
            let well = async || !is_failing(supervisor, service).await;
            eventually(&format!("{name} is over"), well).await;
            let status = status(supervisor).await;
            assert!(status.restarts.is_empty(), "{name}: {:?}", status.restarts);
        })
        .await;
    });
}

/// A chunk, and the end of the connection in place of the last chunk.
fn in_chunks(text: &str) -> Fault {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked";
    let start = format!("{head}\r\n\r\n{:x}\r\n{text}\r\n", text.len()).into_bytes();
    Fault::Flood { start, again: Vec::new(), times: 0 }
}

/// An answer that could be whole, but for its head, which tells of one byte more.
fn too_short(text: &str) -> Fault {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    let start = format!("{head}: {}\r\n\r\n{text}", text.len() + 1).into_bytes();
    Fault::Flood { start, again: Vec::new(), times: 0 }
}

/// A ticker that is Kraken's to the last bracket.
const TICKER: &str = r#"{"error":[],"result":{"XXBTZEUR":{"a":["2","1","1"],"b":["1","1","1"],"c":["1","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}}}"#;

/// One test for each kind of outage of each service.
macro_rules! outages {
    ($($name:ident: $service:ident, $fault:expr;)*) => {
        $(#[test] fn $name() { heals(Service::$service, $fault, 3); })*
    };
}

/// An outage that lasts until the waits between attempts have long been the longest: twenty of
/// them, each up to twice as long as the one before, would be hours.
#[test]
fn an_outage_that_lasts_heals_as_soon() {
    let away = || Fault::status(503);
    for service in [Service::Kraken, Service::Token, Service::Sheets] {
        heals(service, away(), 20);
    }
}

outages! {
    kraken_204: Kraken, Fault::status(204);
    kraken_400: Kraken, Fault::status(400);
    kraken_404: Kraken, Fault::Html(404);
    kraken_408: Kraken, Fault::Html(408);
    kraken_425: Kraken, Fault::status(425);
    kraken_500: Kraken, Fault::status(500);
    kraken_cloudflare_page: Kraken, Fault::Html(520);
    kraken_page_with_status_200: Kraken, Fault::Html(200);
    kraken_reset: Kraken, Fault::Reset;
    kraken_close: Kraken, Fault::Close;
    kraken_truncated: Kraken, Fault::Truncate;
    kraken_one_byte_short: Kraken, too_short(TICKER);
    kraken_half_in_chunks_without_end: Kraken, in_chunks(r#"{"error":[],"result":{"XXBTZ"#);
    kraken_without_length: Kraken, Fault::CloseDelimited;
    kraken_hangs: Kraken, Fault::Hang;
    kraken_drips: Kraken, Fault::Drip { bytes: 1, every: Duration::from_millis(50) };
    kraken_without_end: Kraken, Fault::Infinite;
    kraken_redirects: Kraken, Fault::Redirect { code: 307, to: "http://127.0.0.1:9/".into() };
    kraken_compressed: Kraken, Fault::ContentEncoding("br".into());
    kraken_packed_in_what_is_no_gzip: Kraken, Fault::ContentEncoding("gzip".into());
    kraken_half_json: Kraken, Fault::GarbageJson;
    kraken_empty: Kraken, Fault::EmptyBody;
    kraken_unavailable: Kraken, Fault::KrakenError("EService:Unavailable".into());
    kraken_busy: Kraken, Fault::KrakenError("EService:Busy".into());
    kraken_internal_error: Kraken, Fault::KrakenError("EGeneral:Internal error".into());
    token_500: Token, Fault::status(500);
    token_page: Token, Fault::Html(502);
    token_chunks_without_end: Token, Fault::ChunkedNoEnd;
    token_hangs_up: Token, Fault::Reset;
    token_empty_object: Token, Fault::json(200, "{}");
    token_null: Token, Fault::json(200, r#"{"access_token":null,"expires_in":3599}"#);
    token_without_expiry: Token, Fault::json(200, r#"{"access_token":"x","token_type":"Bearer"}"#);
    token_that_lives_for_ever: Token,
        Fault::json(200, r#"{"access_token":"x","expires_in":9223372036854775807}"#);
    token_that_is_dead: Token, Fault::json(200, r#"{"access_token":"x","expires_in":-5}"#);
    token_with_a_line_break: Token,
        Fault::json(200, r#"{"access_token":"x\r\ny: z","expires_in":3599}"#);
    token_id_token_only: Token, Fault::json(200, r#"{"id_token":"x"}"#);
    token_invalid_grant: Token, Fault::oauth("invalid_grant", "Invalid JWT Signature.");
    token_without_end: Token, Fault::Infinite;
    sheets_408: Sheets, Fault::json(408, r#"{"error":{"code":408,"message":"Request Timeout"}}"#);
    sheets_425: Sheets, Fault::status(425);
    sheets_500: Sheets, Fault::google(500, "INTERNAL", "Internal error encountered.");
    sheets_502: Sheets, Fault::google(502, "UNAVAILABLE", "Bad gateway.");
    sheets_503: Sheets, Fault::google(503, "UNAVAILABLE", "The service is currently unavailable.");
    sheets_504: Sheets, Fault::google(504, "DEADLINE_EXCEEDED", "Deadline expired before the operation could complete.");
    sheets_page: Sheets, Fault::Html(502);
    sheets_page_with_status_200: Sheets, Fault::Html(200);
    sheets_quota: Sheets, Fault::Quota429;
    sheets_reset: Sheets, Fault::Reset;
    sheets_truncated: Sheets, Fault::Truncate;
    sheets_close: Sheets, Fault::Close;
    sheets_one_byte_short: Sheets, too_short(r#"{"totalUpdatedCells":1}"#);
    sheets_half_in_chunks_without_end: Sheets, in_chunks(r#"{"totalUpdatedCells":"#);
    sheets_without_length: Sheets, Fault::CloseDelimited;
    sheets_204: Sheets, Fault::status(204);
    sheets_drips: Sheets, Fault::Drip { bytes: 1, every: Duration::from_millis(50) };
    sheets_compressed: Sheets, Fault::ContentEncoding("br".into());
    sheets_hangs: Sheets, Fault::Hang;
    sheets_applies_and_hangs_up: Sheets, Fault::ApplyThenDrop;
    sheets_half_json: Sheets, Fault::GarbageJson;
    sheets_empty: Sheets, Fault::EmptyBody;
    sheets_without_end: Sheets, Fault::Infinite;
    sheets_redirects: Sheets, Fault::Redirect { code: 308, to: "http://127.0.0.1:9/".into() };
    sheets_not_authorized: Sheets, Fault::google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
}

/// Whether an answer is whole its JSON says, where its chunks do not.
#[test]
fn an_answer_in_chunks_without_end_is_taken_if_it_is_whole() {
    block_on(async {
        let rig = Rig::new();
        for service in [Service::Kraken, Service::Sheets] {
            rig.sandbox.fault(service, Fault::ChunkedNoEnd);
        }
        with_tree(rig.patient().sheet(one_price(ONE)), async |supervisor| {
            for _ in 0..5 {
                rig.fresh(&[(ONE, "A1")]).await;
            }
            let status = status(supervisor).await;
            assert_eq!(status.kraken.failures + status.spreadsheets[ONE].write_failures, 0);
        })
        .await;
    });
}

#[test]
fn with_everything_down_at_the_start_it_waits_and_is_fresh_once_they_are_up() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.pause_listening();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            let failing = async || status(supervisor).await.kraken.failures > 2;
            eventually("some attempts fail", failing).await;
            rig.resume().await;
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(status(supervisor).await.restarts.is_empty());
        })
        .await;
    });
}

/// Kraken answers all the time, so that it is Google that is missed: where tokens come from, at the
/// start, and then, with a token at hand, the spreadsheets. Both refuse connections.
#[test]
fn with_google_down_at_the_start_and_once_more_it_waits_and_is_fresh_once_it_is_up() {
    block_on(async {
        let (kraken, google) = (Rig::new(), Rig::new());
        let mut config = google.config().sheet(one_price(ONE));
        config.kraken.url = kraken.sandbox.url();
        google.sandbox.pause_listening();
        with_tree(config, async |supervisor| {
            for (price, words) in [(1, "gives no token"), (3, "Google Sheets")] {
                kraken.set_price(price - 1); // there is something to write
                let refused = async || {
                    let failing =
                        report(supervisor, |report| report.failing.is_some()).await.failing;
                    let told = failing.unwrap().failure.to_string();
                    told.contains(words) && told.contains("refused")
                };
                eventually(&format!("{words}: connections are refused"), refused).await;
                kraken.set_price(price);
                google.resume().await;
                let shows = |_: &Sandbox| google.number("A1") == Some(price.into());
                google.until("the price, after all", shows).await;
                let well = async || !is_failing(supervisor, Service::Sheets).await;
                eventually("it is over", well).await;
                google.sandbox.pause_listening();
            }
            let status = status(supervisor).await;
            assert!(status.restarts.is_empty() && status.kraken.failures == 0, "{status:?}");
        })
        .await;
    });
}

#[test]
fn without_the_list_of_asset_pairs_it_goes_on_all_the_same() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let sheet = one_price(ONE).cell("kraken:ADA/EUR:buy", "A2").cell("kraken:btcusd:buy", "A3");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.until("prices", |_| {
                ["A1", "A2", "A3"].iter().all(|cell| rig.number(cell).is_some())
            })
            .await;
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn a_token_endpoint_that_hangs_is_given_up_and_asked_again() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Token, Fault::Hang).times(1));
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(rig.sandbox.count(Service::Token), 2);
        })
        .await;
    });
}

#[test]
fn a_revoked_token_is_replaced_at_once() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(rig.sandbox.tokens_granted(), 1);
            rig.sandbox.revoke_tokens();
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(rig.sandbox.tokens_granted(), 2);
        })
        .await;
    });
}

#[test]
fn many_spreadsheets_of_one_account_ask_for_one_token() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config();
        let ids: Vec<_> =
            (0..10).map(|n| format!("many-spreadsheets-of-one-account-{n}")).collect();
        for id in &ids {
            rig.sandbox.create_spreadsheet(id, "One of many", &[("Sheet 1", 10, 10)]);
            config = config.sheet(one_price(id));
        }
        with_tree(config, async |_| {
            let cells: Vec<_> = ids.iter().map(|id| (id.as_str(), "A1")).collect();
            rig.fresh(&cells).await;
            assert_eq!(rig.sandbox.count(Service::Token), 1);
        })
        .await;
    });
}
