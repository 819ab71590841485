//! What can be made to go wrong, whom it meets, and how it is played.
//! Pure: no I/O, no clock, no randomness.

use std::{collections::VecDeque, time::Duration};

use actix_web::{body::BodySize, web::Bytes};

use super::{
    body::Step,
    exchange::{Reply, Request},
    journal::Service,
    pages,
};

/// Something that goes wrong with a request.
///
/// | fault | is the request carried out? |
/// |---|---|
/// | `Delay`, `ApplyLate`, `ApplyThenDrop`, `Truncate`, `ResetMid`, `ChunkedNoEnd`, `CloseDelimited`, `Drip`, `ContentEncoding` | yes |
/// | all others | only by [`FaultRule::after_applying`] |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Another reply in place of the right one.
    Status {
        /// The HTTP status.
        code: u16,
        /// The media type.
        content_type: String,
        /// The body.
        body: String,
        /// More headers, such as `Retry-After`.
        headers: Vec<(String, String)>,
    },
    /// A page in place of JSON: Cloudflare's for Kraken (520 is usual), Google's for the others.
    Html(u16),
    /// Kraken's way to fail: status 200 and this in `error`.
    KrakenError(String),
    /// The 429 that Google sends beyond 60 writes a minute; it has no `Retry-After`.
    Quota429,
    /// The request is carried out, and answered, only after this time, and not at all when the
    /// client has gone by then.
    Delay(Duration),
    /// The request is carried out after this time, whether the client is still there or not.
    ApplyLate(Duration),
    /// The request is carried out; the connection is closed without a word.
    ApplyThenDrop,
    /// The request is read and never answered.
    Hang,
    /// The connection is reset (RST) before any byte of a reply.
    Reset,
    /// The connection is closed (FIN) before any byte of a reply.
    Close,
    /// Half of the body, and the end of the connection (FIN); `content-length` tells of all.
    Truncate,
    /// Half of the body, and a reset (RST) of the connection; `content-length` tells of all.
    ResetMid,
    /// All of the body in chunks, without the last one, and the end of the connection.
    ChunkedNoEnd,
    /// The body has neither a length nor chunks: it ends with the connection.
    CloseDelimited,
    /// The body comes in pieces of so many bytes, with a pause before each.
    Drip {
        /// How many bytes a piece has.
        bytes: usize,
        /// The pause before each.
        every: Duration,
    },
    /// A body of spaces that never ends, as fast as it is read.
    Infinite,
    /// These pieces in place of a reply, byte by byte as they are, with a pause before each; then
    /// the connection is closed. So a head can drip, or be no HTTP at all.
    Raw {
        /// What is sent.
        pieces: Vec<String>,
        /// The pause before each.
        every: Duration,
    },
    /// This in place of a reply, and then that so many times, as fast as it is read, byte by byte
    /// as they are; then the connection is closed. So a body can be any bytes, or endless, or a
    /// head can have a million lines.
    Flood {
        /// What comes first.
        start: Vec<u8>,
        /// What comes again and again.
        again: Vec<u8>,
        /// How often.
        times: u64,
    },
    /// A redirect (301, 302, 303, 307 or 308) to there.
    Redirect {
        /// The HTTP status.
        code: u16,
        /// The `Location`.
        to: String,
    },
    /// Status 200 and JSON that breaks off.
    GarbageJson,
    /// Status 200 and nothing.
    EmptyBody,
    /// The right reply, in gibberish that claims this `Content-Encoding`.
    ContentEncoding(String),
}

impl Fault {
    /// A status with an empty JSON object.
    pub fn status(code: u16) -> Self {
        Self::json(code, "{}")
    }

    /// A status with a JSON body.
    pub fn json(code: u16, body: impl Into<String>) -> Self {
        Self::Status {
            code,
            content_type: "application/json; charset=UTF-8".into(),
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// An error as Google's APIs wrap it, such as 503 `UNAVAILABLE`.
    pub fn google(code: u16, status: &str, message: &str) -> Self {
        Self::json(code, pages::google_error(code, status, message).pretty())
    }

    /// An error of the token endpoint, such as `invalid_grant`: status 400.
    pub fn oauth(error: &str, description: &str) -> Self {
        Self::json(400, pages::oauth_error(error, description).compact())
    }

    /// Status 200 and these bytes for a body, with these lines in the head.
    pub fn bytes(head: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{head}content-length: {length}\r\n\r\n");
        Self::Flood { start: [head.as_bytes(), body].concat(), again: Vec::new(), times: 0 }
    }

    /// Adds a header to a [`Status`](Self::Status); nothing happens to other faults.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// A fault, and which requests it meets: without a selector, all of its service.
#[derive(Debug, Clone)]
pub struct FaultRule {
    service: Service,
    fault: Fault,
    target: Option<String>,
    spreadsheet: Option<String>,
    body: Option<String>,
    skip: u64,
    times: Option<u64>,
    after_applying: bool,
}

impl FaultRule {
    /// Meets every request to that service.
    pub fn new(service: Service, fault: Fault) -> Self {
        Self {
            service,
            fault,
            target: None,
            spreadsheet: None,
            body: None,
            skip: 0,
            times: None,
            after_applying: false,
        }
    }

    /// Meets only requests with this in their path or query.
    pub fn path(mut self, part: &str) -> Self {
        self.target = Some(part.into());
        self
    }

    /// Meets only requests about this spreadsheet.
    pub fn spreadsheet(mut self, id: &str) -> Self {
        self.spreadsheet = Some(id.into());
        self
    }

    /// Meets only requests with this in their body.
    pub fn body(mut self, part: &str) -> Self {
        self.body = Some(part.into());
        self
    }

    /// Lets so many of them pass first.
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Meets only so many of them.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// The request is carried out nevertheless: only its reply is lost, or another.
    pub fn after_applying(mut self) -> Self {
        self.after_applying = true;
        self
    }

    fn selects(&self, service: Service, request: &Request) -> bool {
        let path = request.path.strip_prefix("/v4/spreadsheets/").unwrap_or_default();
        let id = path.split(['/', ':']).next().unwrap_or_default();
        let target = || format!("{}?{}", request.path, request.query);
        let body = || String::from_utf8_lossy(&request.body);
        self.service == service
            && self.spreadsheet.as_ref().is_none_or(|wanted| wanted == id)
            && self.target.as_ref().is_none_or(|part| target().contains(part))
            && self.body.as_ref().is_none_or(|part| body().contains(part))
    }
}

/// Names a rule, to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// The rules in force.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<(FaultId, FaultRule)>,
    last_id: u64,
}

impl Rules {
    pub(super) fn add(&mut self, rule: FaultRule) -> FaultId {
        self.last_id += 1;
        let id = FaultId(self.last_id);
        self.rules.push((id, rule));
        id
    }

    pub(super) fn remove(&mut self, id: FaultId) {
        self.rules.retain(|(other, _)| *other != id);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that meets this request: the oldest rule's. It counts as met.
    pub(super) fn meet(&mut self, service: Service, request: &Request) -> Option<Plan> {
        let at = self.rules.iter().position(|(_, rule)| {
            rule.times != Some(0) && rule.skip == 0 && rule.selects(service, request)
        });
        for (_, rule) in self.rules.iter_mut().take(at.unwrap_or(usize::MAX)) {
            if rule.skip > 0 && rule.selects(service, request) {
                rule.skip -= 1;
            }
        }
        let (_, rule) = self.rules.get_mut(at?)?;
        rule.times = rule.times.map(|left| left - 1);
        let mut plan = Plan::of(&rule.fault, service);
        if rule.after_applying && plan.serve == Serve::No {
            plan.serve = Serve::AtOnce;
        }
        Some(plan)
    }
}

/// When a request is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serve {
    No,
    AtOnce,
    After(Duration),
    /// Even when the client has gone.
    Detached(Duration),
}

/// What is sent in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The right reply, mangled so.
    Right(Mangling),
    /// Another reply, whole.
    Other(Reply),
    /// A right head and a body without end.
    Infinite,
    /// Past HTTP.
    Raw {
        pieces: Vec<String>,
        every: Duration,
    },
    Flood {
        start: Vec<u8>,
        again: Vec<u8>,
        times: u64,
    },
    Hang,
    Drop {
        reset: bool,
    },
}

/// How a reply is mangled on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mangling {
    None,
    Truncate,
    ResetMid,
    ChunkedNoEnd,
    CloseDelimited,
    Drip { bytes: usize, every: Duration },
    ContentEncoding(String),
}

/// How a fault is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) serve: Serve,
    pub(super) outcome: Outcome,
}

impl Plan {
    /// How a request is treated that no fault meets.
    pub(super) fn usual() -> Self {
        Self { name: String::new(), serve: Serve::AtOnce, outcome: Outcome::Right(Mangling::None) }
    }

    fn of(fault: &Fault, service: Service) -> Self {
        use {Mangling as M, Outcome as O, Serve as S};
        let (serve, outcome) = match fault.clone() {
            Fault::Status { code, content_type, body, headers } => {
                let reply = Reply { headers, ..Reply::new(code, "", body) };
                (S::No, O::Other(reply.with("content-type", content_type)))
            }
            Fault::Html(code) => (S::No, O::Other(pages::html_error(service, code))),
            Fault::KrakenError(error) => (S::No, O::Other(pages::kraken_error(&error))),
            Fault::Quota429 => (S::No, O::Other(pages::quota_exceeded(&pages::Quota::WRITES, 0))),
            Fault::Delay(pause) => (S::After(pause), O::Right(M::None)),
            Fault::ApplyLate(pause) => (S::Detached(pause), O::Right(M::None)),
            Fault::ApplyThenDrop => (S::AtOnce, O::Drop { reset: false }),
            Fault::Hang => (S::No, O::Hang),
            Fault::Reset => (S::No, O::Drop { reset: true }),
            Fault::Close => (S::No, O::Drop { reset: false }),
            Fault::Truncate => (S::AtOnce, O::Right(M::Truncate)),
            Fault::ResetMid => (S::AtOnce, O::Right(M::ResetMid)),
            Fault::ChunkedNoEnd => (S::AtOnce, O::Right(M::ChunkedNoEnd)),
            Fault::CloseDelimited => (S::AtOnce, O::Right(M::CloseDelimited)),
            Fault::Drip { bytes, every } => (S::AtOnce, O::Right(M::Drip { bytes, every })),
            Fault::ContentEncoding(name) => (S::AtOnce, O::Right(M::ContentEncoding(name))),
            Fault::Infinite => (S::No, O::Infinite),
            Fault::Raw { pieces, every } => (S::No, O::Raw { pieces, every }),
            Fault::Flood { start, again, times } => (S::No, O::Flood { start, again, times }),
            Fault::Redirect { code, to } => {
                (S::No, O::Other(Reply::html(code, "").with("location", to)))
            }
            Fault::GarbageJson => (S::No, O::Other(pages::json(200, "{\"error\":[],\"resu"))),
            Fault::EmptyBody => (S::No, O::Other(pages::json(200, ""))),
        };
        let name = match fault {
            // The bytes of a flood are too many for a journal.
            Fault::Flood { start, again, times } => {
                format!("Flood({} and {times} times {} bytes)", start.len(), again.len())
            }
            other => format!("{other:?}"),
        };
        Self { name, serve, outcome }
    }
}

/// What the wire sees of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Play {
    pub(super) size: BodySize,
    pub(super) steps: VecDeque<Step>,
    /// The body ends with the connection and says so.
    pub(super) close: bool,
}

/// Plays a body. `mangling` has been applied to the head already where it concerns it.
pub(super) fn play(mangling: &Mangling, body: Vec<u8>) -> Play {
    let size = BodySize::Sized(body.len() as u64);
    let body = Bytes::from(body);
    match mangling {
        Mangling::None | Mangling::ContentEncoding(_) => {
            let steps = if body.is_empty() { vec![] } else { vec![Step::Send(body)] };
            Play { size, steps: steps.into(), close: false }
        }
        Mangling::Truncate | Mangling::ResetMid => {
            let half = body.slice(..body.len() / 2);
            let steps = [Step::Send(half), Step::Flush, Step::Break];
            Play { size, steps: steps.into(), close: false }
        }
        Mangling::ChunkedNoEnd => {
            let steps = [Step::Send(body), Step::Flush, Step::Break];
            Play { size: BodySize::Stream, steps: steps.into(), close: false }
        }
        Mangling::CloseDelimited => {
            Play { size: BodySize::Stream, steps: [Step::Send(body)].into(), close: true }
        }
        Mangling::Drip { bytes, every } => {
            let pieces = body.chunks((*bytes).max(1)).map(|piece| body.slice_ref(piece));
            let steps = pieces.flat_map(|piece| [Step::Wait(*every), Step::Send(piece)]).collect();
            Play { size, steps, close: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request {
        Request {
            method: "GET".into(),
            path: path.into(),
            query: "pair=XBTEUR".into(),
            headers: vec![],
            body: Bytes::from_static(b"hello"),
        }
    }

    fn met(rules: &mut Rules, path: &str) -> Option<String> {
        let request = request(path);
        rules.meet(Service::of(path), &request).map(|plan| plan.name)
    }

    #[test]
    fn a_rule_meets_only_what_it_selects() {
        let check = |rule: FaultRule, path: &str, expected: bool| {
            let mut rules = Rules::default();
            rules.add(rule);
            assert_eq!(met(&mut rules, path).is_some(), expected, "{path}");
        };
        let rule = |service| FaultRule::new(service, Fault::Hang);
        check(rule(Service::Kraken), "/0/public/Ticker", true);
        check(rule(Service::Kraken), "/token", false);
        check(rule(Service::Kraken).path("/AssetPairs"), "/0/public/Ticker", false);
        check(rule(Service::Kraken).path("XBTEUR"), "/0/public/Ticker", true);
        check(rule(Service::Sheets).spreadsheet("abc"), "/v4/spreadsheets/abc:batchUpdate", true);
        check(rule(Service::Sheets).spreadsheet("abc"), "/v4/spreadsheets/abcd/values/A1", false);
        check(rule(Service::Kraken).body("hello"), "/0/public/Ticker", true);
        check(rule(Service::Kraken).body("bye"), "/0/public/Ticker", false);
    }

    #[test]
    fn a_rule_skips_and_expires() {
        let mut rules = Rules::default();
        rules.add(FaultRule::new(Service::Kraken, Fault::Hang).skip(1).times(2));
        let met: Vec<_> = (0..5).map(|_| met(&mut rules, "/0/x").is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
    }

    #[test]
    fn the_oldest_rule_wins_and_can_be_taken_back() {
        let mut rules = Rules::default();
        let first = rules.add(FaultRule::new(Service::Kraken, Fault::Hang));
        rules.add(FaultRule::new(Service::Kraken, Fault::Reset));
        assert_eq!(met(&mut rules, "/0/x").as_deref(), Some("Hang"));
        rules.remove(first);
        assert_eq!(met(&mut rules, "/0/x").as_deref(), Some("Reset"));
        rules.clear();
        assert_eq!(met(&mut rules, "/0/x"), None);
    }

    #[test]
    fn a_drip_is_cut_into_pieces() {
        let every = Duration::from_millis(1);
        let play = play(&Mangling::Drip { bytes: 2, every }, b"abc".to_vec());
        let expected = [
            Step::Wait(every),
            Step::Send(Bytes::from_static(b"ab")),
            Step::Wait(every),
            Step::Send(Bytes::from_static(b"c")),
        ];
        assert_eq!(play.steps, expected);
        assert_eq!(play.size, BodySize::Sized(3));
    }
}
