//! Judges what Google Sheets sees.

use std::{collections::BTreeMap, time::Duration};

use super::{
    broken::{Broken, Verdict, broken_if},
    excuses::{Excuses, ON_THE_WAY},
    failing::Failing,
    fetches::Fetches,
    kraken,
    lately::{Lately, MINUTE},
    plan::{Plan, Role, secs},
    request::{Begun, End, Entry},
    sheet::MOST_PROTECTED,
};

/// A price that stands still is written again after this long, in case somebody has typed over it.
pub(crate) const AFRESH: Duration = secs(60);

/// For so long a write that was not answered may be carried out yet: what is written meanwhile is
/// written again.
const APPLIED_LATE: Duration = secs(60);

/// So many tokens that were rejected are remembered: the youngest, by whose names they are in
/// order.
const TOKENS: usize = 64;

/// For so long after a failure writes may come one close behind the other.
const AFTERMATH: Duration = secs(240);

#[derive(Debug, Default)]
struct Cell {
    sent: u64,
    acked: Option<Success>,
    /// Until when a write of it may be carried out that was not answered.
    late: Duration,
}

/// Whether writes may have to wait for the budget, so that one is hardly over when the next tick's
/// begins.
fn is_crowded(plan: &Plan) -> bool {
    let ticks: f64 = plan.sheets.iter().map(|sheet| MINUTE.div_duration_f64(sheet.every)).sum();
    2.0 * ticks > f64::from(plan.config.google.writes_per_minute)
}

/// A write that has succeeded: its price's fetch, when it began, and for how many writes that has
/// been as long after the one before as ticks follow each other.
#[derive(Debug)]
struct Success {
    fetch: u64,
    at: Duration,
    steady: u32,
}

/// How many writes Google may still refuse for their own sake.
#[derive(Debug)]
struct Allowance {
    most: f64,
    left: f64,
    at: Duration,
}

impl Allowance {
    /// Those that it takes to find some of so many cells, and to find it again with another
    /// witness as often as the witness is a bad one, too.
    fn of(cells: usize) -> Self {
        let most = MOST_PROTECTED as f64 * 2.0f64.mul_add((cells as f64).log2(), 4.0);
        Self { most, left: most, at: Duration::ZERO }
    }

    /// One more is refused; whether it may be. There is another after each `probe`.
    fn take(&mut self, now: Duration, probe: Duration) -> bool {
        let more = (now - self.at).div_duration_f64(probe);
        self.left = (self.left + more).min(self.most) - 1.0;
        self.at = now;
        self.left >= 0.0
    }
}

#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// By spreadsheet and range, of prices and of texts.
    cells: BTreeMap<(usize, String), Cell>,
    /// What the cells that tell what is wrong were last written, and when.
    told: BTreeMap<(usize, String), (String, Duration)>,
    /// By spreadsheet: until when a write of whichever cells may be carried out.
    late: BTreeMap<usize, Duration>,
    /// When whoever writes was last built afresh.
    begun: Duration,
    /// By sheet: when its cells came to be elsewhere, and have not been found there.
    moved: BTreeMap<usize, Duration>,
    /// … and until when they were, who are written afresh there.
    found: BTreeMap<usize, Duration>,
    reads: Lately,
    writes: Lately,
    /// By token: how often it was rejected.
    rejections: BTreeMap<String, usize>,
    /// By spreadsheet, of reads and of writes.
    pub(crate) failing: BTreeMap<(usize, bool), Failing>,
    /// By spreadsheet: when it may be asked for again, which is not ours or not there.
    denied: BTreeMap<usize, Duration>,
    /// By spreadsheet: tokens that Google did not take, since something was written.
    unauthorized: BTreeMap<usize, u32>,
    /// When Google last refused a cell and named it.
    refused: Duration,
    /// By spreadsheet: how much there may be refused now.
    refusals: BTreeMap<usize, Allowance>,
}

impl Writes {
    /// A request begins.
    pub(crate) fn begins(
        &mut self,
        begun: &Begun,
        excuses: &Excuses,
        fetches: &Fetches,
        plan: &Plan,
    ) -> Verdict {
        let now = begun.at;
        let rejected = self.rejections.get(&begun.token).copied().unwrap_or_default();
        let most = plan.spreadsheets.len() + excuses.stirred(now);
        broken_if(rejected > most, Broken::RejectedToken, || {
            format!("{} has been rejected {rejected} times", begun.token)
        })?;
        let early = self.denied.get(&begun.book).is_some_and(|until| now < *until);
        broken_if(early, Broken::RetryStorm, || format!("{} is not given its rest", begun.book))?;
        let failing = self.failing.entry((begun.book, begun.write.is_some())).or_default();
        failing.begins(now, &plan.config.retry.backoff)?;
        // Google counts reads and writes apart, and the budget is the same for both.
        let (times, broken) = match begun.write {
            None => (&mut self.reads, Broken::ReadBudget),
            Some(_) => (&mut self.writes, Broken::WriteBudget),
        };
        times.note(now);
        let count = times.within(now, MINUTE);
        let most = plan.config.google.writes_per_minute as usize + 5 * excuses.trees(now) + 4;
        broken_if(count > most, broken, || format!("{count} of them in a minute"))?;
        let mut entries = begun.write.iter().flat_map(|write| &write.prices);
        entries.try_for_each(|entry| self.sends(begun.book, entry, now, excuses, fetches, plan))
    }

    /// A write carries this.
    fn sends(
        &mut self,
        book: usize,
        entry: &Entry,
        now: Duration,
        excuses: &Excuses,
        fetches: &Fetches,
        plan: &Plan,
    ) -> Verdict {
        let Entry { range, sheet, pair, fetch } = entry;
        let cell = self.cells.entry((book, range.clone())).or_default();
        let before = cell.sent;
        cell.sent = before.max(*fetch);
        broken_if(*fetch < before, Broken::Backwards, || {
            format!("{range} of {book}: fetch {fetch} after {before}")
        })?;
        // Of a pair that other sheets show there may be newer prices that are none of this one's.
        let own = plan.sheets[*sheet].own.contains(pair);
        let judged = own && !excuses.is_ill(Role::Sheets(book), now);
        let newest = fetches.newest(*pair, now, excuses).filter(|_| judged);
        let newest = newest.map(|newest| kraken::first_of(*pair, newest));
        broken_if(newest.is_some_and(|newest| *fetch < newest), Broken::OldPayload, || {
            format!("{range} of {book}: fetch {fetch}, though {newest:?} was there")
        })
    }

    /// A request has ended.
    pub(crate) fn ends(
        &mut self,
        begun: &Begun,
        now: Duration,
        end: &End,
        excuses: &mut Excuses,
        fetches: &Fetches,
        plan: &Plan,
    ) -> Verdict {
        if end.whole && end.status == 401 {
            *self.rejections.entry(begun.token.clone()).or_default() += 1;
            if self.rejections.len() > TOKENS {
                self.rejections.pop_first();
            }
        }
        let book = begun.book;
        // A cell that Google refuses and names is a reason to write nothing again but it.
        let named = end.own && end.status == 400 && plan.names_entries;
        if named {
            self.refused = now;
        } else if !end.good {
            excuses.fails(now);
            excuses.writes_afresh(now, Some(book));
            if end.is_ambiguous() {
                self.not_known(begun, now);
            }
        }
        if end.good {
            self.failing.entry((book, begun.write.is_some())).or_default().ends();
            self.denied.remove(&book);
            if begun.write.is_some() {
                self.unauthorized.remove(&book);
            }
            let Some(write) = &begun.write else {
                self.finds(begun, now, plan);
                return Ok(());
            };
            for problem in &write.problems {
                self.tells(book, problem, begun.at, excuses, plan)?;
            }
            let mut entries = write.prices.iter();
            return entries.try_for_each(|entry| {
                self.succeeds(book, entry, begun.at, excuses, fetches, plan)
            });
        }
        self.fails(begun, now, end, excuses, plan)
    }

    /// A request has failed.
    fn fails(
        &mut self,
        begun: &Begun,
        now: Duration,
        end: &End,
        excuses: &Excuses,
        plan: &Plan,
    ) -> Verdict {
        let book = begun.book;
        let failing = self.failing.entry((book, begun.write.is_some())).or_default();
        if excuses.is_ill_itself(Role::Sheets(book), now) {
            failing.ends();
            return Ok(());
        }
        match end.status {
            // What Google refuses for its own sake is looked for at once, and then seldom.
            400 if end.own => {
                let cells = plan.cells_of(book);
                let probes = plan.config.retry.probe / 30;
                let left = self.refusals.entry(book).or_insert_with(|| Allowance::of(cells));
                let refused = left.take(now, probes);
                return broken_if(!refused, Broken::RetryStorm, || {
                    format!("what Google refuses in {book} is written again and again")
                });
            }
            400 => {}
            403 | 404 if end.own => {
                failing.fails(now);
                let probe = plan.config.retry.probe.mul_f64(0.8);
                self.denied.insert(book, now + failing.doubled(secs(10)).min(probe));
            }
            401 => {
                let count = self.unauthorized.entry(book).or_default();
                *count += 1;
                if *count == 1 { failing.fails_once() } else { failing.fails(now) }
            }
            _ => failing.fails(now),
        }
        Ok(())
    }

    /// Who writes into a spreadsheet begins anew.
    pub(crate) fn begin_anew(&mut self, book: usize) {
        self.failing
            .range_mut((book, false)..=(book, true))
            .for_each(|(_, failing)| failing.ends());
        self.denied.remove(&book);
        self.unauthorized.remove(&book);
        self.refusals.remove(&book);
    }

    /// A write has brought what is wrong into its cell.
    fn tells(
        &mut self,
        book: usize,
        (range, sheet, text): &(String, usize, String),
        at: Duration,
        excuses: &Excuses,
        plan: &Plan,
    ) -> Verdict {
        let told = self.told.insert((book, range.clone()), (text.clone(), at));
        let Some((_, before)) = told.filter(|(before, _)| before == text) else { return Ok(()) };
        let owed = self.is_owed(book, *sheet, before, excuses);
        let again = self.is_again_due(book, range, before, at, plan.sheets[*sheet].every);
        broken_if(!owed && !again, Broken::WrittenTwice, || {
            format!("{range} of {book}: {text:?} at {before:?} and at {at:?}")
        })
    }

    /// A write may have been carried out, or may be yet.
    fn not_known(&mut self, begun: &Begun, now: Duration) {
        let Some(write) = &begun.write else { return };
        let prices = write.prices.iter().map(|entry| &entry.range);
        for range in prices.chain(write.problems.iter().map(|(range, ..)| range)) {
            let cell = self.cells.entry((begun.book, range.clone())).or_default();
            cell.late = now + APPLIED_LATE;
        }
    }

    /// Somebody does not know of a write of whichever cells whether it was carried out.
    pub(crate) fn may_come_late(&mut self, now: Duration, book: usize) {
        self.late.insert(book, now + APPLIED_LATE);
    }

    /// Whoever writes has been built afresh.
    pub(crate) const fn is_built(&mut self, now: Duration) {
        self.begun = now;
    }

    /// The cells of a sheet come to be elsewhere.
    pub(crate) fn moves(&mut self, now: Duration, sheet: usize) {
        self.moved.insert(sheet, now);
    }

    /// It is read where the cells of a spreadsheet are.
    fn finds(&mut self, begun: &Begun, now: Duration, plan: &Plan) {
        let own = |sheet: &usize| plan.sheets[*sheet].spreadsheet == begun.book;
        let found = self.moved.keys().filter(|sheet| own(sheet));
        self.found.extend(found.map(|sheet| (*sheet, now)));
        // What has happened since it began may not have been seen.
        self.moved.retain(|sheet, at| !own(sheet) || *at >= begun.at);
    }

    /// Whether what was written then is to be written once more, as it may not be known, or not be
    /// there.
    fn is_owed(&self, book: usize, sheet: usize, before: Duration, excuses: &Excuses) -> bool {
        let found = self.found.get(&sheet).copied().unwrap_or_default();
        before <= excuses.afresh(book).max(found)
    }

    /// Whether what was written `before` and stands still is written again `at` some time, in case
    /// something else has come to be there: after its time, or while a write may be carried out
    /// late.
    fn is_again_due(
        &self,
        book: usize,
        range: &str,
        before: Duration,
        at: Duration,
        every: Duration,
    ) -> bool {
        at + every + ON_THE_WAY >= before + AFRESH || self.may_be_late(book, range, before)
    }

    /// Whether a write of a cell may have been carried out only after what was written `before`.
    fn may_be_late(&self, book: usize, range: &str, before: Duration) -> bool {
        let own = self.cells.get(&(book, range.to_owned())).map(|cell| cell.late);
        let late = own.max(self.late.get(&book).copied()).unwrap_or_default();
        before < late + ON_THE_WAY
    }

    /// A write has brought this into its cell.
    fn succeeds(
        &mut self,
        book: usize,
        entry: &Entry,
        at: Duration,
        excuses: &Excuses,
        fetches: &Fetches,
        plan: &Plan,
    ) -> Verdict {
        let Entry { range, sheet, pair, fetch } = entry;
        let held_up = excuses.failed.max(self.refused);
        let every = plan.sheets[*sheet].every;
        let cell = self.cells.entry((book, range.clone())).or_default();
        let regular = |last: &&Success| at.abs_diff(last.at + every) <= ON_THE_WAY;
        let steady = cell.acked.as_ref().filter(regular).map_or(0, |last| last.steady + 1);
        let success = Success { fetch: *fetch, at, steady };
        let Some(before) = cell.acked.replace(success) else { return Ok(()) };
        // The write before may have come late, or some of the prices only now.
        let tick = before.at.saturating_sub(AFTERMATH);
        let undisturbed =
            held_up < tick && !fetches.failed_since(tick) && excuses.stalls_since(tick, at) == 0;
        let soon = before.steady > 1 && at + ON_THE_WAY < before.at + every;
        let twice = undisturbed && soon && !is_crowded(plan);
        broken_if(twice, Broken::WrittenTwice, || {
            format!("{range} of {book}: at {:?} and at {at:?}, in one tick", before.at)
        })?;
        let stands = kraken::stands(*pair) > 1;
        // What may have come late is written over without a tick, where the next is far away, and
        // with one that has brought nothing newer.
        let none_newer =
            every > AFRESH || fetches.is_followed(*fetch) || fetches.failed_since(before.at);
        let late = none_newer && self.may_be_late(book, range, before.at);
        // Who begins does not know what there was before him.
        let begun = every > AFRESH && before.at < self.begun + APPLIED_LATE + ON_THE_WAY;
        let over = late || begun;
        let may = self.is_owed(book, *sheet, before.at, excuses)
            || over
            || stands && self.is_again_due(book, range, before.at, at, every);
        let again = before.fetch == *fetch && !may;
        broken_if(again, Broken::WrittenTwice, || {
            format!("{range} of {book}: fetch {fetch} at {:?} and at {at:?}", before.at)
        })
    }
}
