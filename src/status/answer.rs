//! What is answered to what. Touches: the clock.

use actix_http::{Method, Response, StatusCode, body::BoxBody, header};

use super::{
    readiness::{self, Readiness, Verdict},
    watch::{Known, Shared},
};

/// What is answered while the loop turns.
const ALIVE: &str = "alive\n";

/// How the answer begins while it does not.
const HANGS: &str = "the loop has not turned for ";

/// How each answer begins that GET has from `/livez` or `/readyz`.
const BEGINNINGS: [&str; 5] = [ALIVE, HANGS, "ready", "starting\n", "not ready\n"];

/// Whether this is what one of the two paths has answered.
pub(super) fn is_answer(body: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| body.starts_with(beginning))
}

/// Answers a request.
pub(super) fn answer(method: &Method, path: &str, shared: &Shared) -> Response<BoxBody> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone\n".into());
        let allowed = header::HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(header::ALLOW, allowed);
        return refusal;
    }
    match path {
        "/livez" => livez(shared),
        "/readyz" => readyz(shared),
        _ => plain(StatusCode::NOT_FOUND, "not found\n".into()),
    }
}

/// Answers a request that says too much, without a word.
pub(super) fn refuse(status: StatusCode) -> Response<BoxBody> {
    plain(status, String::new())
}

/// Whether the loop turns, whatever the upstreams do.
fn livez(shared: &Shared) -> Response<BoxBody> {
    let standstill = shared.standstill();
    if standstill <= shared.loop_patience {
        return plain(StatusCode::OK, ALIVE.into());
    }
    let seconds = standstill.as_secs_f64();
    plain(StatusCode::SERVICE_UNAVAILABLE, format!("{HANGS}{seconds:.1} s\n"))
}

/// Whether every spreadsheet succeeds.
fn readyz(shared: &Shared) -> Response<BoxBody> {
    let readiness = match shared.known() {
        Known::Nothing => Readiness { verdict: Verdict::Starting, lines: Vec::new() },
        Known::Gone => Readiness::not("the supervisor is gone"),
        Known::Ledger(ledger) => readiness::judge((shared.clock)(), &ledger),
    };
    let status = match readiness.verdict {
        Verdict::Ready => StatusCode::OK,
        Verdict::Starting | Verdict::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    };
    plain(status, readiness.text())
}

/// A plain text that nothing keeps, runs or takes for something else.
fn plain(status: StatusCode, text: String) -> Response<BoxBody> {
    Response::build(status)
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(text)
        .map_into_boxed_body()
}
