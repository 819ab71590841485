//! Everything that the sandbox knows: the services, the faults, the journal.
//! Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use jiff::{SignedDuration, Timestamp};

use super::{
    exchange::{Reply, Request, google_not_found},
    faults::{Plan, Rules},
    journal::{Entry, Journal, Service},
    kraken::Kraken,
    metadata::Metadata,
    sheets::Sheets,
    token::TokenServer,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) journal: Journal,
    pub(super) rules: Rules,
    pub(super) kraken: Kraken,
    pub(super) token: TokenServer,
    pub(super) metadata: Metadata,
    pub(super) sheets: Sheets,
    /// How far the servers' clocks are ahead of the real one.
    pub(super) skew: SignedDuration,
}

impl State {
    pub(super) fn new(url: String, now: Timestamp) -> Self {
        Self {
            journal: Journal::new(),
            rules: Rules::default(),
            kraken: Kraken::new(now),
            token: TokenServer::new(url),
            metadata: Metadata::default(),
            sheets: Sheets::default(),
            skew: SignedDuration::ZERO,
        }
    }

    /// Writes a request down and finds the fault that meets it.
    pub(super) fn begin(
        &mut self,
        request: &Request,
        connection: u64,
        now: Timestamp,
    ) -> (u64, Plan) {
        let service = Service::of(&request.path);
        let met = self.rules.meet(service, request);
        let question = if request.query.is_empty() { "" } else { "?" };
        let seq = self.journal.begin(Entry {
            seq: 0,
            at: now,
            connection,
            service,
            method: request.method.clone(),
            target: format!("{}{question}{}", request.path, request.query),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status: None,
            applied: false,
            fault: met.as_ref().map(|plan| plan.name.clone()),
            started: 0,
            ended: None,
            ended_at: None,
        });
        (seq, met.unwrap_or_else(Plan::usual))
    }

    /// Carries a request out.
    pub(super) fn respond(&mut self, request: &Request, now: Timestamp) -> Reply {
        let now = now.checked_add(self.skew).unwrap_or(now);
        let reply = match Service::of(&request.path) {
            Service::Kraken => self.kraken.respond(request, now),
            Service::Token => self.token.respond(request, now),
            Service::Metadata => self.metadata.respond(request, &mut self.token, now),
            Service::Sheets => {
                let bearer = self.token.bearer(request, now);
                self.sheets.respond(request, bearer, now)
            }
            Service::Other => google_not_found(&request.path),
        };
        match self.skew.is_zero() {
            true => reply,
            false => reply.with("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        }
    }
}
