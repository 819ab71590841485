//! What is to go wrong on purpose, as it is written on the command line. Pure: no I/O.

use std::str::FromStr;

use ratesheet::{ActorName, Drill, DrillActor};

/// Who is to fail, and how: `kraken:panic`, `sheets:hang:forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DrillOrder {
    actor: Who,
    drill: Drill,
    relentless: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Schedule,
    Kraken,
    Sheets,
}

impl DrillOrder {
    /// The order for a tree that writes this spreadsheet.
    pub(super) fn of(self, spreadsheet: &str) -> DrillActor {
        let actor = match self.actor {
            Who::Schedule => ActorName::Schedule,
            Who::Kraken => ActorName::Kraken,
            Who::Sheets => ActorName::Sheets(spreadsheet.into()),
        };
        DrillActor { actor, drill: self.drill, relentless: self.relentless }
    }
}

impl FromStr for DrillOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let actor = match parts.next() {
            Some("schedule") => Who::Schedule,
            Some("kraken") => Who::Kraken,
            Some("sheets") => Who::Sheets,
            _ => return Err("say who fails: schedule, kraken or sheets".into()),
        };
        let drill = match parts.next() {
            Some("panic") => Drill::Panic,
            Some("stop") => Drill::Stop,
            Some("hang") => Drill::Hang,
            _ => return Err("say how it fails: panic, stop or hang".into()),
        };
        let relentless = match (parts.next(), parts.next()) {
            (None, _) => false,
            (Some("forever"), None) => true,
            _ => return Err("nothing but `forever` may follow".into()),
        };
        Ok(Self { actor, drill, relentless })
    }
}
