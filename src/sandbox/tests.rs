//! The sandbox over real sockets of the loopback, driven by awc.

use std::time::Duration;

use awc::{Client, error::SendRequestError, http::StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

mod faults;

const ID: &str = "1abcdefghijklmnopqrstuvwxyz";
const SOON: Duration = Duration::from_secs(10);

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start().unwrap();
    sandbox.create_spreadsheet(ID, "Doc", &[("Sheet 1", 100, 10)]);
    sandbox
}

fn client() -> Client {
    Client::builder().timeout(SOON).disable_redirects().finish()
}

async fn get(sandbox: &Sandbox, target: &str) -> (StatusCode, Value) {
    let request = client().get(format!("{}{target}", sandbox.url()));
    let request = request.insert_header(("authorization", bearer(sandbox)));
    let mut response = request.send().await.unwrap();
    let body = response.body().limit(1 << 24).await.unwrap();
    (response.status(), serde_json::from_slice(&body).unwrap_or_default())
}

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> (StatusCode, Value) {
    let request = client().post(format!("{}/v4/spreadsheets/{ID}{path}", sandbox.url()));
    let request = request.insert_header(("authorization", bearer(sandbox)));
    let mut response = request.send_json(&body).await.unwrap();
    let body = response.body().await.unwrap();
    (response.status(), serde_json::from_slice(&body).unwrap_or_default())
}

fn bearer(sandbox: &Sandbox) -> String {
    format!("Bearer {}", sandbox.access_token())
}

fn write(cell: &str, value: Value) -> Value {
    json!({ "valueInputOption": "RAW", "data": [{ "range": cell, "values": [[value]] }] })
}

#[actix_rt::test]
async fn a_quote_is_read_and_written_and_the_journal_knows_it() {
    let sandbox = sandbox();
    sandbox.set_ticker("xbteur", "30300.10000", "30300.00000", "30303.20000");
    let (status, body) = get(&sandbox, "/0/public/Ticker?pair=xbteur").await;
    assert_eq!(status, 200);
    assert_eq!(body["result"]["XXBTZEUR"]["a"], json!(["30300.10000", "1", "1.000"]));

    let cell = "'Sheet 1'!B2";
    let (status, body) = post(&sandbox, "/values:batchUpdate", write(cell, json!(30300.1))).await;
    let expected = json!({
        "spreadsheetId": ID, "totalUpdatedRows": 1, "totalUpdatedColumns": 1,
        "totalUpdatedCells": 1, "totalUpdatedSheets": 1,
        "responses": [{ "spreadsheetId": ID, "updatedRange": cell, "updatedRows": 1,
            "updatedColumns": 1, "updatedCells": 1 }],
    });
    assert_eq!((status, body), (StatusCode::OK, expected));
    assert_eq!(sandbox.cell(ID, "Sheet 1", "B2"), Some(json!(30300.1)));
    assert_eq!(sandbox.rows(ID, "Sheet 1"), [vec![], vec![json!(null), json!(30300.1)]]);

    let journal = sandbox.journal();
    let services: Vec<_> = journal.iter().map(|entry| entry.service).collect();
    assert_eq!(services, [Service::Kraken, Service::Sheets]);
    assert!(journal.iter().all(|entry| entry.ended.is_some() && entry.status == Some(200)));
    assert!(!journal[0].overlaps(&journal[1]));
    assert_eq!(journal[1].spreadsheet(), Some(ID));
    assert_eq!(journal[1].json()["data"][0]["range"], cell);
}

#[actix_rt::test]
async fn a_batch_with_one_bad_range_writes_nothing() {
    let sandbox = sandbox();
    let body = json!({ "valueInputOption": "RAW", "data": [
        { "range": "A1", "values": [[1]] }, { "range": "NoSuchTab!A1", "values": [[2]] },
    ] });
    let (status, body) = post(&sandbox, "/values:batchUpdate", body).await;
    assert_eq!(status, 400);
    let expected = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT",
        "message": "Invalid data[1]: Unable to parse range: NoSuchTab!A1" } });
    assert_eq!(body, expected);
    assert_eq!(sandbox.cell(ID, "Sheet 1", "A1"), None);
}

#[actix_rt::test]
async fn a_bad_token_is_refused_and_a_revoked_one_too() {
    let sandbox = sandbox();
    let url = format!("{}/v4/spreadsheets/{ID}?fields=properties.title", sandbox.url());
    let token = bearer(&sandbox);
    let ask = || client().get(&url).insert_header(("authorization", token.clone()));
    let mut good = ask().send().await.unwrap();
    let body = good.body().await.unwrap();
    let printed = "{\n  \"properties\": {\n    \"title\": \"Doc\"\n  }\n}\n";
    assert_eq!(std::str::from_utf8(&body).unwrap(), printed);
    sandbox.revoke_tokens();
    let response = ask().send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[actix_rt::test]
async fn the_sixty_first_write_of_a_minute_is_too_much_unless_quotas_are_off() {
    let sandbox = sandbox();
    for _ in 0..60 {
        let (status, _) = post(&sandbox, "/values:batchUpdate", write("A1", json!(1))).await;
        assert_eq!(status, 200);
    }
    let (status, body) = post(&sandbox, "/values:batchUpdate", write("A1", json!(2))).await;
    assert_eq!(status, 429);
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    sandbox.set_quota(None);
    let (status, _) = post(&sandbox, "/values:batchUpdate", write("A1", json!(3))).await;
    assert_eq!(status, 200);
}

#[actix_rt::test]
async fn a_spreadsheet_that_is_not_shared_or_gone_says_so() {
    let sandbox = sandbox();
    let target = format!("/v4/spreadsheets/{ID}");
    sandbox.unshare(ID);
    let (status, body) = get(&sandbox, &target).await;
    assert_eq!(
        (status, &body["error"]["status"]),
        (StatusCode::FORBIDDEN, &json!("PERMISSION_DENIED"))
    );
    sandbox.share(ID);
    sandbox.trash(ID);
    assert_eq!(get(&sandbox, &target).await.0, 404);
    sandbox.restore(ID);
    assert_eq!(get(&sandbox, &target).await.0, 200);
    let unknown = "/v4/spreadsheets/zzzzzzzzzzzzzzzzzzzzzz";
    assert_eq!(get(&sandbox, unknown).await.0, 404);
    sandbox.auto_create(&[("Sheet 1", 10, 10)]);
    assert_eq!(get(&sandbox, unknown).await.0, 200);
    sandbox.disable_sheets_api(true);
    let (status, body) = get(&sandbox, &target).await;
    assert_eq!(status, 403);
    assert_eq!(body["error"]["details"][0]["reason"], "SERVICE_DISABLED");
}

#[actix_rt::test]
async fn nobody_listens_while_paused_and_the_port_stays() {
    let sandbox = sandbox();
    let client = client();
    let ask = || client.get(format!("{}/0/public/Time", sandbox.url())).send();
    assert_eq!(ask().await.unwrap().status(), 200);
    for _ in 0..3 {
        sandbox.pause_listening();
        sandbox.pause_listening();
        let error = ask().await.unwrap_err();
        assert!(matches!(error, SendRequestError::Connect(_)), "{error:?}");
        sandbox.resume().unwrap();
        sandbox.resume().unwrap();
        assert_eq!(ask().await.unwrap().status(), 200);
    }
    sandbox.stop();
    assert!(matches!(ask().await.unwrap_err(), SendRequestError::Connect(_)));
    assert!(sandbox.resume().is_err());
    assert_eq!(sandbox.count(Service::Kraken), 4);
}

#[actix_rt::test]
async fn waiting_ends_with_the_event_or_with_the_deadline() {
    let sandbox = sandbox();
    let asked = |sandbox: &Sandbox| sandbox.count(Service::Kraken) == 1;
    let short = Duration::from_millis(10);
    assert_eq!(sandbox.wait_for(asked, short).await, Err(TimedOut));
    let waiting = sandbox.wait_for(asked, SOON);
    let asking = get(&sandbox, "/0/public/Time");
    let (waited, _) = tokio::join!(waiting, asking);
    assert_eq!(waited, Ok(()));
    sandbox.stop();
    assert_eq!(sandbox.wait_for(|_| false, SOON).await, Err(TimedOut));
}

#[actix_rt::test]
async fn looking_is_no_change_and_wakes_nobody() {
    let sandbox = sandbox();
    let mut looks = 0;
    let look = |sandbox: &Sandbox| {
        looks += 1;
        let (tabs, rows) = (sandbox.tabs(ID), sandbox.rows(ID, "Sheet 1"));
        let (gid, ticker) = (sandbox.gid(ID, "Sheet 1"), sandbox.ticker("XBTEUR"));
        assert!(tabs.len() == 1 && rows.is_empty() && gid == 0 && !ticker.o.is_empty());
        let tokens = sandbox.tokens_granted() + sandbox.service_account_key().len() as u64;
        assert!(tokens > 0 && sandbox.cell(ID, "Sheet 1", "A1").is_none());
        false
    };
    assert_eq!(sandbox.wait_for(look, Duration::from_millis(10)).await, Err(TimedOut));
    assert!(looks <= 2, "{looks}");
}

#[test]
fn a_sandbox_needs_no_runtime_and_stops_with_its_last_handle() {
    let sandbox = sandbox();
    let address = sandbox.address();
    let done = sandbox.wait_for_blocking(|sandbox| sandbox.journal().is_empty(), SOON);
    assert_eq!(done, Ok(()));
    let other = sandbox.clone();
    drop(sandbox);
    assert!(std::net::TcpStream::connect(address).is_ok());
    drop(other);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn only_the_loopback_will_do() {
    assert!(Sandbox::start_at("0.0.0.0:0".parse().unwrap()).is_err());
}

#[actix_rt::test]
async fn yup_oauth2_gets_a_token_and_is_told_why_it_gets_none() {
    use hyper_util::{client::legacy, rt::TokioExecutor};
    use yup_oauth2::{
        CustomHyperClientBuilder, ServiceAccountAuthenticator, ServiceAccountKey, error::Error,
    };

    let sandbox = sandbox();
    let scopes = ["https://www.googleapis.com/auth/spreadsheets"];
    let ask = async || {
        let key: ServiceAccountKey = serde_json::from_str(&sandbox.service_account_key()).unwrap();
        let client = legacy::Client::builder(TokioExecutor::new()).build_http::<String>();
        let client = CustomHyperClientBuilder::from(client);
        let builder = ServiceAccountAuthenticator::with_client(key, client);
        builder.build().await.unwrap().token(&scopes).await
    };
    let token = ask().await.unwrap();
    let url = format!("{}/v4/spreadsheets/{ID}", sandbox.url());
    let response = client().get(url).bearer_auth(token.token().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(sandbox.tokens_granted(), 1);

    let told = |error: &Error| match error {
        Error::AuthError(error) => error.error_description.clone().unwrap_or_default(),
        other => other.to_string(),
    };
    sandbox.set_account(Account::KeyDeleted);
    assert_eq!(told(&ask().await.unwrap_err()), "Invalid JWT Signature.");
    sandbox.set_account(Account::Deleted);
    assert_eq!(told(&ask().await.unwrap_err()), "Invalid grant: account not found");
    sandbox.set_account(Account::Active);
    sandbox.set_clock_skew(SignedDuration::from_hours(2));
    assert!(told(&ask().await.unwrap_err()).contains("reasonable timeframe"));
    let response = client().get(format!("{}/0/public/Time", sandbox.url())).send().await.unwrap();
    let date = response.headers().get("date").unwrap().to_str().unwrap();
    let date = httpdate::parse_http_date(date).unwrap();
    let date = Timestamp::try_from(date).unwrap();
    assert!(date.duration_since(Timestamp::now()) > SignedDuration::from_mins(100));
}

#[actix_rt::test]
async fn prices_can_be_set_emptied_delisted_and_made_absurd() {
    let sandbox = sandbox();
    let ticker = async |pair: &str| {
        let (_, body) = get(&sandbox, &format!("/0/public/Ticker?pair={pair}")).await;
        body
    };
    sandbox.set_ticker("PEPEEUR", "0.000002502000", "0.000002501000", "0.000002500000");
    sandbox.empty_asks("PEPEEUR");
    let body = ticker("PEPEEUR").await;
    let pepe = &body["result"]["PEPEEUR"];
    assert_eq!(pepe["a"], json!(["0.000000000000", "0", "0.000"]));
    assert_eq!(pepe["b"][0], "0.000002501000");
    sandbox.empty_bids("XBTEUR");
    assert_eq!(sandbox.ticker("XBTEUR").b[0], "0.00000");
    sandbox.release_ticker("XBTEUR");
    assert_ne!(sandbox.ticker("XBTEUR").b[0], "0.00000");
    sandbox.set_ticker_json("ADAEUR", json!({ "a": ["NaN"] }));
    assert_eq!(ticker("ADAEUR").await["result"]["ADAEUR"], json!({ "a": ["NaN"] }));
    sandbox.delist("ADAEUR");
    assert_eq!(ticker("XBTEUR,ADAEUR").await["error"][0], "EQuery:Unknown asset pair");
    sandbox.relist("ADAEUR");
    assert_eq!(ticker("XBTEUR,ADAEUR").await["error"], json!([]));
    sandbox.set_walk(Walk::Still);
    assert_eq!(ticker("XBTEUR").await, ticker("XBTEUR").await);
}

#[actix_rt::test]
async fn a_spreadsheet_can_be_changed_behind_a_clients_back() {
    let sandbox = sandbox();
    let text = async |cell: &str| {
        let (_, body) = post(&sandbox, "/values:batchUpdate", write(cell, json!(1))).await;
        body["error"]["message"].as_str().map(str::to_owned)
    };
    let batch = "Invalid data[0]: ";
    sandbox.rename_tab(ID, "Sheet 1", "Kurse");
    let unknown = format!("{batch}Unable to parse range: 'Sheet 1'!A1");
    assert_eq!(text("'Sheet 1'!A1").await, Some(unknown));
    assert_eq!(text("Kurse!A1").await, None);
    sandbox.protect(ID, "Kurse", "A1");
    assert!(text("Kurse!A1").await.unwrap().contains("protected cell"));
    sandbox.unprotect(ID, "Kurse");
    sandbox.resize(ID, "Kurse", 2, 2);
    let limits =
        format!("{batch}Range (Kurse!C1) exceeds grid limits. Max rows: 2, max columns: 2");
    assert_eq!(text("Kurse!C1").await, Some(limits));
    sandbox.set_named_range(ID, "Btc", "Kurse", "B2");
    sandbox.insert_rows(ID, "Kurse", 1, 3);
    assert_eq!(text("Btc").await, None);
    assert_eq!(sandbox.cell(ID, "Kurse", "B5"), Some(json!(1)));
    sandbox.set_cell(ID, "Kurse", "A5", "=B5*2");
    assert_eq!(sandbox.cell(ID, "Kurse", "A5"), Some(json!(2)));
    sandbox.delete_named_range(ID, "Btc");
    assert!(text("Btc").await.unwrap().contains("Unable to parse range: Btc"));
    sandbox.add_tab(ID, "Other", 5, 5);
    sandbox.delete_tab(ID, "Kurse");
    assert_eq!(sandbox.tabs(ID), ["Other"]);
    assert_ne!(sandbox.gid(ID, "Other"), 0);
}
