//! The children: who there is, who gets what from whom, in which order they start and stop.
//! Touches: nothing but the actors.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use actix::{Recipient, WeakRecipient};
use slog::{Logger, o};

use super::{
    deadline::Deadline,
    guard::{Guarded, Policy},
};
use crate::{
    config::Config,
    dial::Dialer,
    gate::Gate,
    heartbeat::Heart,
    http::{Tls, TlsError},
    kraken::{Feed, KrakenActor},
    messages::{ActorName, Fault, Report, SheetIndex},
    patience,
    schedule::ScheduleActor,
    sheets::{Account, Credentials, ServiceAccountKey, SheetConfig, SheetsActor, SpreadsheetId},
    tree::ConfigError,
};

/// The children, all of them alive.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) schedule: Guarded<ScheduleActor>,
    pub(super) kraken: Guarded<KrakenActor>,
    pub(super) sheets: BTreeMap<SpreadsheetId, Guarded<SheetsActor>>,
    /// What the requests to Kraken, and those to Google, wait for their turn at.
    pub(super) gates: Gates,
    /// Not kept alive: its silence is what tells that something is wrong.
    heart: Option<Heart>,
}

/// What the children wait for their turns at: Kraken's, and Google's for reads and for writes, if
/// there is anything to write.
#[derive(Debug, Clone)]
pub(super) struct Gates {
    kraken: Rc<Gate>,
    google: Option<[Rc<Gate>; 2]>,
}

impl Gates {
    /// Has let through what those of the last tree have: however often a tree is built afresh, no
    /// more is asked for.
    pub(super) fn after(mut self, last: Option<Self>) -> Self {
        let Some(last) = last else { return self };
        self.kraken.inherit(&last.kraken);
        match (&self.google, last.google) {
            (Some(google), Some(last)) => {
                google.iter().zip(&last).for_each(|(gate, last)| gate.inherit(last));
            }
            // For the next tree that has any.
            (None, last) => self.google = last,
            (Some(_), None) => {}
        }
        self
    }
}

/// The tab of each spreadsheet that its sheets mean if they name none: it stays the same, however
/// often a tree is built afresh.
pub(super) type FirstTabs = BTreeMap<SpreadsheetId, Rc<Cell<Option<u32>>>>;

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum BuildError {
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error(
        "there are sheets to write but no credentials: name them by Config::credentials, or hand \
         over a key by SupervisorActor::key"
    )]
    NoCredentials,
}

/// What the children have in common.
pub(super) struct Surroundings {
    pub(super) reports: Recipient<Report>,
    pub(super) faults: WeakRecipient<Fault>,
    pub(super) log: Logger,
    pub(super) key: Option<ServiceAccountKey>,
    pub(super) dialer: Option<Dialer>,
    /// After so many ticks there are no more.
    pub(super) ticks: Option<u64>,
}

impl Tree {
    /// Starts the children, the last in the corridor first: sheets, kraken, schedule. So nobody
    /// sends to somebody who is not there yet. `tls` is what `config` says of it, and `first_tabs`
    /// what the last tree knew.
    pub(super) fn build(
        config: &Config,
        around: &Surroundings,
        tls: Tls,
        first_tabs: &mut FirstTabs,
    ) -> Result<Self, BuildError> {
        let quiet = tls.over(around.dialer.clone());
        let tls = quiet.clone().told_to(around.log.clone());
        let policy = |name, dispensable| Policy {
            name,
            supervision: config.supervision,
            dispensable,
            faults: around.faults.clone(),
        };
        let mut sheets = BTreeMap::new();
        let mut feeds = Vec::new();
        let spreadsheets = by_spreadsheet(&config.sheets);
        first_tabs.retain(|id, _| spreadsheets.contains_key(id));
        let account = match credentials(config, around) {
            _ if spreadsheets.is_empty() => None,
            None => return Err(BuildError::NoCredentials),
            Some(credentials) => {
                Some(Account::with_tls(credentials, &config.google, config.retry, &tls)?)
            }
        };
        for (id, own) in spreadsheets {
            let Some(account) = account.clone() else { break };
            let pairs = own.iter().map(|(index, sheet)| (*index, sheet.pairs())).collect();
            let actor = SheetsActor::new(id.clone(), own, account, config.retry)?
                .stays_in(Rc::clone(first_tabs.entry(id.clone()).or_default()))
                .reports(around.reports.clone())
                .logger(around.log.clone());
            let child = Guarded::start(actor, policy(ActorName::Sheets(id.shared()), true));
            feeds.push(Feed { sheets: pairs, to: child.addr.clone().recipient() });
            sheets.insert(id, child);
        }
        // Whoever has its address can feign a heartbeat: it is in no log.
        let heart = heart(config, &quiet, &around.log)?;
        let kraken = KrakenActor::with_tls(config.kraken.clone(), config.retry, &tls)?;
        let google = account.as_ref().map(Account::gates);
        let gates = Gates { kraken: kraken.gate(), google };
        let kraken = feeds.into_iter().fold(kraken, KrakenActor::feed);
        let kraken = kraken
            .reports(around.reports.clone())
            .logger(around.log.new(o!("actor" => "KrakenActor")));
        let kraken = Guarded::start(kraken, policy(ActorName::Kraken, false));
        let cadences = config.sheets.iter().enumerate();
        let cadences = cadences.map(|(index, sheet)| (SheetIndex(index), sheet.every));
        let schedule = ScheduleActor::new(cadences, kraken.addr.clone().recipient())
            .reports(around.reports.clone())
            .logger(around.log.new(o!("actor" => "ScheduleActor")));
        let schedule = match around.ticks {
            Some(ticks) => schedule.limit(ticks),
            None => schedule,
        };
        let schedule = Guarded::start(schedule, policy(ActorName::Schedule, false));
        Ok(Self { schedule, kraken, sheets, gates, heart })
    }

    /// Passes a fault on to whom it concerns beside the supervisor.
    pub(super) fn fault(&self, fault: &Fault) {
        if let Some(heart) = &self.heart {
            heart.fault(fault);
        }
    }

    /// Passes a report on to whom it concerns beside the supervisor.
    pub(super) fn report(&self, report: &Report) {
        if let Some(heart) = &self.heart {
            heart.report(report);
        }
    }

    /// Whether a tree can be built: with certificate authorities that can be read, which are
    /// given back, and credentials if there is anything to write.
    pub(super) fn can_be_built(
        config: &Config,
        key: Option<&ServiceAccountKey>,
    ) -> Result<Tls, BuildError> {
        let tls = Tls::new(&config.tls)?;
        let keyless = key.is_none() && config.credentials.is_none();
        if keyless && !config.sheets.is_empty() { Err(BuildError::NoCredentials) } else { Ok(tls) }
    }

    /// Stops the children, the first in the corridor first, each when it has finished what it
    /// has begun; at `deadline` whatever still goes on is abandoned: of which spreadsheets.
    pub(super) async fn stop(self, deadline: &Deadline) -> Vec<SpreadsheetId> {
        drop(self.heart);
        // These two have nothing to finish, and one that hangs must not use up the time.
        drop(self.schedule);
        drop(self.kraken);
        // All of them finish at the same time: none has to wait for another's write.
        let stopping = self
            .sheets
            .into_iter()
            .map(|(id, child)| (id, actix_rt::spawn(child.stopped(deadline.clone()))));
        let mut abandoned = Vec::new();
        for (id, stopped) in stopping.collect::<Vec<_>>() {
            if !stopped.await.unwrap_or_default() {
                abandoned.push(id);
            }
        }
        abandoned
    }
}

/// Who tells that all is well, if somebody is to be told.
fn heart(config: &Config, tls: &Tls, log: &Logger) -> Result<Option<Heart>, TlsError> {
    let Some(url) = &config.heartbeat.url else { return Ok(None) };
    Heart::start(url, patience::of_spreadsheets(config), tls, log).map(Some)
}

/// In whose name to write: the key that was given, or else what is configured.
fn credentials(config: &Config, around: &Surroundings) -> Option<Credentials> {
    let given = around.key.clone().map(Credentials::Key);
    given.or_else(|| config.credentials.clone())
}

/// The configured sheets of each spreadsheet.
pub(super) fn by_spreadsheet(
    sheets: &[SheetConfig],
) -> BTreeMap<SpreadsheetId, Vec<(SheetIndex, SheetConfig)>> {
    let mut grouped: BTreeMap<SpreadsheetId, Vec<(SheetIndex, SheetConfig)>> = BTreeMap::new();
    for (index, sheet) in sheets.iter().enumerate() {
        let own = grouped.entry(sheet.spreadsheet.clone()).or_default();
        own.push((SheetIndex(index), sheet.clone()));
    }
    grouped
}
