//! Which spreadsheet is in trouble, and which is well while others are not.

use std::{collections::BTreeMap, time::Duration};

use super::{
    google::Google,
    kraken::Kraken,
    plan::{Happening, Plan, Role, secs},
};

/// By spreadsheet: until when something was wrong with it, or with what all of them share.
#[derive(Debug, Default)]
pub(crate) struct Troubles(BTreeMap<usize, Duration>);

impl Troubles {
    /// Something happens.
    pub(crate) fn begins(&mut self, now: Duration, happening: &Happening, plan: &Plan) {
        let until = match happening {
            Happening::Standstill(long) => now + *long,
            _ => now,
        };
        let concerned = plan.concerned(happening);
        self.0.extend(concerned.into_iter().map(|book| (book, until)));
    }

    /// Looks at what goes on.
    pub(crate) fn look(&mut self, now: Duration, plan: &Plan, google: &Google, kraken: &Kraken) {
        let episodes = plan.episodes.iter().filter(|episode| episode.lasts(now));
        let struck = episodes.flat_map(|episode| plan.those(episode.only));
        let delisted = kraken.delisted.iter().flat_map(|pair| plan.showing(*pair));
        let ids = plan.spreadsheets.iter().enumerate();
        let own = ids.filter(|(_, id)| google.spreadsheets[*id].is_in_trouble());
        let own = own.map(|(book, _)| book);
        self.0.extend(struck.chain(delisted).chain(own).map(|book| (book, now)));
    }

    /// Whether nothing has been wrong with a spreadsheet for so long that it must be well.
    pub(crate) fn is_well(&self, book: usize, now: Duration, plan: &Plan) -> bool {
        let until = self.0.get(&book).copied().unwrap_or_default();
        now > until + plan.bound + secs(60)
    }
}

impl Plan {
    /// The spreadsheets that something is trouble for.
    pub(crate) fn concerned(&self, happening: &Happening) -> Vec<usize> {
        match *happening {
            Happening::Rename(sheet)
            | Happening::RenameBack(sheet)
            | Happening::Unname(sheet)
            | Happening::Name(sheet)
            | Happening::Protect(sheet)
            | Happening::Unprotect(sheet) => vec![self.sheets[sheet].spreadsheet],
            Happening::Deny(book)
            | Happening::Allow(book)
            | Happening::Bin(book)
            | Happening::Restore(book)
            | Happening::Drill(Role::Sheets(book), _) => vec![book],
            Happening::Delist(pair) | Happening::Relist(pair) => self.showing(pair).collect(),
            // That is judged by itself.
            Happening::Type(..) => Vec::new(),
            Happening::Drill(Role::Schedule | Role::Kraken, _)
            | Happening::Standstill(_)
            | Happening::Reload
            | Happening::Revoke
            | Happening::Healed => self.those(None).collect(),
        }
    }

    /// The spreadsheets that show a pair.
    fn showing(&self, pair: usize) -> impl Iterator<Item = usize> + '_ {
        let shows = move |own: &usize| {
            let mut sheets = self.sheets.iter().filter(|sheet| sheet.spreadsheet == *own);
            sheets.any(|sheet| sheet.cells.iter().any(|(_, shown, _)| *shown == pair))
        };
        self.those(None).filter(shows)
    }

    /// One of the spreadsheets, or all.
    fn those(&self, only: Option<usize>) -> impl Iterator<Item = usize> + use<> {
        let all = 0..self.spreadsheets.len();
        all.filter(move |book| only.is_none_or(|only| only == *book))
    }
}
