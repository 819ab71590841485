//! Which spreadsheet is in trouble, and until when it may feel what is over.

use std::{collections::BTreeMap, time::Duration};

use super::{
    google::Google,
    kraken::Kraken,
    plan::{Happening, Plan, Role},
};

/// What may be wrong with a spreadsheet, or with what all of them share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// An episode, by its place in the plan.
    Episode(usize),
    /// Cells, tabs, or all of it.
    Itself,
    Delisted(usize),
    Restart(Role),
    Tree,
    Standstill,
    Token,
}

/// Until when something may be felt, and for how long after its end.
#[derive(Debug, Default)]
struct Felt {
    until: Duration,
    wait: Duration,
}

/// What has been wrong with each spreadsheet.
#[derive(Debug, Default)]
pub(crate) struct Troubles(BTreeMap<(usize, What), Felt>);

impl Troubles {
    /// Looks at what goes on. What begins and ends between two looks must be told.
    pub(crate) fn look(&mut self, now: Duration, plan: &Plan, google: &Google, kraken: &Kraken) {
        for (number, episode) in plan.episodes.iter().enumerate() {
            if let Some(end) = episode.end(now) {
                for book in plan.those(episode.only) {
                    self.note(book, What::Episode(number), end, plan.wait_after(episode));
                }
            }
        }
        let delisted: Vec<_> = kraken.delisted.iter().copied().collect();
        self.refuses(now, &delisted, plan);
        for (book, id) in plan.spreadsheets.iter().enumerate() {
            let spreadsheet = &google.spreadsheets[id];
            if spreadsheet.is_in_trouble() {
                self.note(book, What::Itself, now, plan.wait_for_a_person(spreadsheet));
            }
        }
    }

    /// Kraken says of some pairs that one of them is not listed, which it is.
    pub(crate) fn refuses(&mut self, now: Duration, pairs: &[usize], plan: &Plan) {
        for &pair in pairs {
            for book in plan.showing(pair) {
                self.note(book, What::Delisted(pair), now, plan.wait_for_a_list(book, pair));
            }
        }
    }

    /// Something happens.
    pub(crate) fn begins(&mut self, now: Duration, happening: &Happening, plan: &Plan) {
        for book in plan.concerned(happening) {
            match *happening {
                Happening::Drill(role, drill) => {
                    let what = What::Restart(role);
                    // One may wait in the mailbox while the actor waits for its restart.
                    let from = now.max(self.until(book, what));
                    self.note(book, what, from, plan.wait_for_a_restart(drill));
                }
                Happening::Reload => {
                    let from = now.max(self.until(book, What::Tree));
                    self.note(book, What::Tree, from, plan.wait_for_a_tree());
                }
                Happening::Standstill(long) => {
                    self.stalls(book, now, now + long);
                    self.note(book, What::Standstill, now + long, Duration::ZERO);
                }
                Happening::Revoke => self.note(book, What::Token, now, Duration::ZERO),
                _ => {}
            }
        }
    }

    /// Until when a spreadsheet may feel what was wrong with it.
    pub(crate) fn over(&self, book: usize) -> Duration {
        let own = self.0.range((book, What::Episode(0))..(book + 1, What::Episode(0)));
        own.map(|(_, felt)| felt.until).max().unwrap_or_default()
    }

    /// Whether another spreadsheet may feel anything now.
    pub(crate) fn others_feel(&self, book: usize, now: Duration) -> bool {
        self.0.iter().any(|((other, _), felt)| *other != book && felt.until >= now)
    }

    fn until(&self, book: usize, what: What) -> Duration {
        self.0.get(&(book, what)).map(|felt| felt.until).unwrap_or_default()
    }

    /// Something ends at that time, or goes on, and may be felt for so long after it.
    fn note(&mut self, book: usize, what: What, end: Duration, wait: Duration) {
        let felt = self.0.entry((book, what)).or_default();
        felt.until = felt.until.max(end + wait);
        felt.wait = felt.wait.max(wait);
    }

    /// The process stands still: what is tried meanwhile fails, and is waited for once more.
    fn stalls(&mut self, book: usize, from: Duration, to: Duration) {
        let own = self.0.range_mut((book, What::Episode(0))..(book + 1, What::Episode(0)));
        for (_, felt) in own.filter(|(_, felt)| felt.until >= from) {
            felt.until = felt.until.max(to + felt.wait);
        }
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
