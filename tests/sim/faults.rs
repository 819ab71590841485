//! What goes wrong on the way and in the servers, and when. Each seed has a few kinds of it, for
//! a while, with some chance: a swarm finds more than a run in which everything breaks at once.

use std::time::Duration;

use super::{
    dice::Dice,
    google,
    http1::Reply,
    kraken::{self, Quirk},
    plan::secs,
};

/// The longest that a server asks to be left alone (`Retry-After`), or that is known to be needed
/// (60 s for Cloudflare's 403 and Kraken's lockout).
pub(crate) const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(60);

/// The longest after which a write is carried out whose connection has died: the product goes on
/// correcting for 60 s.
pub(crate) const LATEST: Duration = Duration::from_secs(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Kraken,
    Sheets,
    Token,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Kraken, Self::Sheets, Self::Token];

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Kraken => 1,
            Self::Sheets => 2,
            Self::Token => 3,
        }
    }

    /// The service that is called at this address.
    pub(crate) fn at(host: &str, port: u16) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|service| service.port() == port);
        known.filter(|_| host == "127.0.0.1")
    }
}

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Refuse,
    NeverConnect,
    SlowConnect,
    Hang,
    Reset,
    ResetMid,
    Truncate,
    Drip,
    Delay,
    /// A status that is no success.
    Status,
    /// This one, and how many seconds it asks to be left alone. It is no matter of dice.
    Says(u16, Option<u64>),
    RateLimit,
    /// No token is good enough.
    Unauthorized,
    /// What should not be in a success.
    BadBody,
    /// It is done, and the connection breaks before the answer.
    LostReply,
    /// The connection breaks, and it is done some time later.
    LateApply,
    /// It answers, and something in the answer is odd.
    Quirk,
}

/// Some trouble, for a while.
#[derive(Debug, Clone)]
pub(crate) struct Episode {
    pub(crate) service: Service,
    pub(crate) fault: Fault,
    /// The one spreadsheet that it is of.
    pub(crate) only: Option<usize>,
    /// Whether only reading is in it.
    pub(crate) reads: bool,
    from: Duration,
    to: Duration,
    chance: f64,
}

impl Fault {
    const ALL: [Self; 16] = [
        Self::Refuse,
        Self::NeverConnect,
        Self::SlowConnect,
        Self::Hang,
        Self::Reset,
        Self::ResetMid,
        Self::Truncate,
        Self::Drip,
        Self::Delay,
        Self::Status,
        Self::RateLimit,
        Self::Unauthorized,
        Self::BadBody,
        Self::LostReply,
        Self::LateApply,
        Self::Quirk,
    ];

    /// The episodes of a run whose faults end at `healed`, all of them of one spreadsheet `only`
    /// if there is one that is to be in trouble alone.
    pub(crate) fn episodes(dice: &mut Dice, healed: Duration, only: Option<usize>) -> Vec<Episode> {
        // How often Google may be asked is one budget for all spreadsheets, and so are connections.
        let apart = |fault: &Self| !fault.is_of_connecting() && *fault != Self::RateLimit;
        let kinds = Self::ALL.into_iter().filter(|fault| only.is_none() || apart(fault));
        let kinds: Vec<_> = kinds.filter(|_| dice.f64() < 0.35).collect();
        let services = Service::ALL.into_iter().filter(|_| dice.f64() < 0.7);
        let services: Vec<_> = match only {
            Some(_) => vec![Service::Sheets],
            None => services.collect(),
        };
        let (Some(_), Some(_)) = (kinds.first(), services.first()) else { return Vec::new() };
        let until = healed.as_millis() as u64;
        let episode = |dice: &mut Dice| {
            let from = dice.u64(0..until);
            // From seconds to a quarter of an hour, more short ones than long ones.
            let length = (1_000.0 * (dice.f64() * 6.8).exp()) as u64;
            let service = dice.choice(services.iter().copied());
            let fault = dice.choice(kinds.iter().copied());
            Episode {
                service,
                fault,
                only,
                // Of the others nobody could tell, and nothing would come of it.
                reads: service == Service::Sheets && !fault.is_of_connecting() && dice.f64() < 0.2,
                from: Duration::from_millis(from),
                to: Duration::from_millis((from + length).min(until)),
                chance: dice.choice([0.2, 0.5, 1.0]),
            }
        };
        (0..dice.usize(0..25)).map(|_| episode(dice)).collect()
    }

    /// Whether it strikes before there is a connection.
    pub(crate) const fn is_of_connecting(self) -> bool {
        matches!(self, Self::Refuse | Self::NeverConnect | Self::SlowConnect)
    }
}

impl Episode {
    /// Trouble of a service, or of one spreadsheet, with every request from one time to the other.
    pub(crate) const fn whole(
        service: Service,
        fault: Fault,
        only: Option<usize>,
        (from, to): (Duration, Duration),
    ) -> Self {
        Self { service, fault, only, reads: false, from, to, chance: 1.0 }
    }

    fn lasts(&self, now: Duration) -> bool {
        self.from <= now && now < self.to
    }

    /// When it ends, or has ended, once it has begun.
    pub(crate) fn end(&self, now: Duration) -> Option<Duration> {
        (self.from <= now).then_some(self.to)
    }

    pub(crate) fn strikes(&self, service: Service, now: Duration, dice: &mut Dice) -> bool {
        self.service == service && self.lasts(now) && dice.f64() < self.chance
    }
}

/// A refusal of `service`, or of something on the way to it.
pub(crate) fn status(service: Service, dice: &mut Dice) -> Reply {
    let code = dice.choice([500, 502, 503, 504, 403, 408, 520]);
    match service {
        Service::Sheets if code >= 500 && dice.bool() => {
            google::refusal(code, "UNAVAILABLE", "The service is currently unavailable. =1+1")
        }
        Service::Token if dice.bool() => {
            Reply::bad(code, r#"{"error":"internal_failure"}"#.to_owned())
        }
        // A page with 403 that is not Google's is not one that only a person can mend.
        _ => Reply::page(code),
    }
}

/// A refusal with this status, which asks for so many seconds of rest.
pub(crate) fn says(service: Service, code: u16, rest: Option<u64>) -> Reply {
    let reply = match (service, code) {
        (Service::Sheets, 429) => google::refusal(code, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        (Service::Sheets, _) => google::refusal(code, "UNAVAILABLE", "It is not available."),
        (Service::Token, 400) => Reply::bad(code, r#"{"error":"disabled_client"}"#.to_owned()),
        _ => Reply::page(code),
    };
    Reply { retry_after: rest, ..reply }
}

pub(crate) fn rate_limit(service: Service, dice: &mut Dice) -> Reply {
    let reply = match service {
        Service::Sheets => google::refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota"),
        _ => Reply::page(429),
    };
    let wait = dice.u64(0..=LONGEST_ASKED_WAIT.as_secs());
    Reply { retry_after: dice.bool().then_some(wait), ..reply }
}

/// A body that has no business in a success.
pub(crate) fn bad_body(dice: &mut Dice) -> Reply {
    let body = dice.choice([
        "",
        "{}",
        "[]",
        "null",
        "{\"error\":[],\"resu",
        "{\"totalUpdatedCells\":\"many\"}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":\"x\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"x\",\"expires_in\":99999999,\"token_type\":\"Bearer\"}",
    ]);
    if dice.bool() { Reply::page(200) } else { Reply::bad(200, body.to_owned()) }
}

/// What a token endpoint says to a key.
pub(crate) fn token_error(dice: &mut Dice) -> Reply {
    let text = dice.choice([
        r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
        r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#,
        r#"{"error":"disabled_client"}"#,
    ]);
    Reply::bad(400, text.to_owned())
}

/// What Google Sheets may do wrong and still answer.
pub(crate) fn sheets_quirk(dice: &mut Dice) -> Reply {
    let replies = [
        google::refusal(400, "FAILED_PRECONDITION", "This operation is not supported here."),
        Reply::bad(200, r#"{"totalUpdatedCells":0}"#.to_owned()),
        Reply::bad(200, r#"{"totalUpdatedCells":-1}"#.to_owned()),
    ];
    dice.choice(replies)
}

pub(crate) fn quirk(dice: &mut Dice) -> (Quirk, usize) {
    let quirks = [
        Quirk::BadNumbers,
        Quirk::LeftOut,
        Quirk::BadTicker,
        Quirk::Beside,
        Quirk::Error("EService:Unavailable"),
        Quirk::Error("EGeneral:Temporary lockout"),
        Quirk::Error("EAPI:Rate limit exceeded"),
        Quirk::Error("=IMPORTXML(1)"),
        Quirk::Error(kraken::UNKNOWN),
    ];
    (dice.choice(quirks), dice.usize(..))
}

/// How late a write is carried out whose connection has died.
pub(crate) fn late(dice: &mut Dice) -> Duration {
    secs(dice.u64(0..=LATEST.as_secs()))
}
