//! Outages of every kind, and that each heals by itself.

use std::time::Duration;

use ratesheet::{
    Config,
    sandbox::{Fault, FaultRule, Service},
};
use tokio::time::Instant;

use crate::rig::{ONE, Rig, block_on, eventually, one_price, status, with_tree};

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
/// it has met so many; then it is taken back, and fresh prices must follow. No actor may have been
/// restarted.
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
            rig.sandbox.clear_fault(id);
            let start = Instant::now();
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(start.elapsed() < healed, "{name}: fresh after {:?}", start.elapsed());
            let status = status(supervisor).await;
            assert!(status.restarts.is_empty(), "{name}: {:?}", status.restarts);
        })
        .await;
    });
}

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
    kraken_chunks_without_end: Kraken, Fault::ChunkedNoEnd;
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
    sheets_hangs: Sheets, Fault::Hang;
    sheets_applies_and_hangs_up: Sheets, Fault::ApplyThenDrop;
    sheets_half_json: Sheets, Fault::GarbageJson;
    sheets_empty: Sheets, Fault::EmptyBody;
    sheets_without_end: Sheets, Fault::Infinite;
    sheets_redirects: Sheets, Fault::Redirect { code: 308, to: "http://127.0.0.1:9/".into() };
    sheets_not_authorized: Sheets, Fault::google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
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
