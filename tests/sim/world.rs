//! Everything outside of the product: its servers, what happens to them, and the journal of it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    hash::{DefaultHasher, Hasher as _},
    rc::Rc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    broken::{Broken, Verdict, broken_if},
    checker::Checker,
    dice::Dice,
    faults::{self, Fault, Service},
    fresh::{Looks, Typed},
    google::{self, Google, Spreadsheet},
    http1::{Reply, Request},
    kraken::{self, Kraken, Quirk},
    plan::{Happening, Plan, Role},
    planted::Planted,
    request::{Begun, End},
    seen::Seen,
    sheet::Sheet,
    told::{Log, Told},
    trouble::Troubles,
};

/// What was seen, in order: all of it as a hash, the last of it as lines.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    hash: DefaultHasher,
    lines: VecDeque<String>,
    keep: usize,
}

impl Journal {
    fn note(&mut self, line: String) {
        self.hash.write(line.as_bytes());
        self.lines.push_back(line);
        if self.lines.len() > self.keep {
            self.lines.pop_front();
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) kraken: Kraken,
    pub(crate) google: Google,
    pub(crate) checker: Checker,
    pub(crate) planted: Planted,
    pub(crate) troubles: Troubles,
    pub(crate) typed: Typed,
    pub(crate) told: Told,
    journal: Journal,
    requests: u64,
    /// All requests, in the order of their beginnings, if the plan has them remembered.
    pub(crate) seen: Vec<Seen>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    start: Instant,
    /// Open connections.
    pub(crate) open: Cell<usize>,
    pub(crate) state: RefCell<State>,
    pub(crate) looks: RefCell<Looks>,
    /// What the process takes at each day's end.
    pub(crate) days: RefCell<Vec<u64>>,
    /// What the product logs.
    pub(crate) log: Log,
    /// Orders given to the product.
    orders: Cell<usize>,
    /// Something must not have happened.
    pub(crate) broken: Notify,
}

/// A request, from its arrival to its end.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) id: u64,
    pub(crate) service: Service,
    pub(crate) request: Request,
    pub(crate) fault: Option<Fault>,
    pub(crate) fetch: u64,
}

impl State {
    /// How many requests there have been.
    pub(crate) const fn requests(&self) -> u64 {
        self.requests
    }
}

impl World {
    /// The world of a plan. Of its journal so many lines are kept.
    pub(crate) fn new(plan: Plan, planted: Planted, keep: usize) -> Rc<Self> {
        let mut google = Google::default();
        for (number, id) in plan.spreadsheets.iter().enumerate() {
            let own = plan.sheets.iter().filter(|sheet| sheet.spreadsheet == number);
            let mut sheet = Spreadsheet::default();
            for own in own {
                sheet.tabs.insert(own.gid, own.title());
                let cell = own.named().map(|cell| (own.gid, cell.to_owned()));
                sheet.names.extend(cell.map(|cell| (own.name(), cell)));
            }
            google.spreadsheets.insert(id.clone(), sheet);
        }
        let state = State {
            dice: Dice::with_seed(!plan.seed),
            kraken: Kraken::new(plan.pairs),
            google,
            checker: Checker::default(),
            planted,
            troubles: Troubles::default(),
            typed: Typed::default(),
            told: Told::default(),
            journal: Journal { keep, ..Journal::default() },
            requests: 0,
            seen: Vec::new(),
        };
        let start = Instant::now();
        let (open, orders, broken) = (Cell::new(0), Cell::new(0), Notify::new());
        let log = Log::new(state.planted.bug);
        let (state, looks, days) = (RefCell::new(state), RefCell::default(), RefCell::default());
        Rc::new(Self { plan, start, open, looks, days, log, orders, state, broken })
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time
    }

    pub(crate) fn note(&self, text: &str) {
        let line = format!("{:>12.3} {text}", self.now().as_secs_f64());
        let mut state = self.state.borrow_mut();
        state.journal.note(line);
        if state.checker.verdict.is_some() {
            self.broken.notify_one();
        }
    }

    /// The journal: its hash and its last lines.
    pub(crate) fn journal(&self) -> (u64, Vec<String>) {
        let state = self.state.borrow();
        (state.journal.hash.finish(), state.journal.lines.iter().cloned().collect())
    }

    pub(crate) fn dice<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.state.borrow_mut().dice)
    }

    /// Something must not have happened, perhaps.
    pub(crate) fn judge(&self, verdict: Verdict) {
        self.state.borrow_mut().checker.judge(verdict);
    }

    /// One more order is given: its number.
    pub(crate) fn order(&self) -> usize {
        self.orders.set(self.orders.get() + 1);
        self.orders.get()
    }

    /// What came of an order to reload. The configuration was fine: the only reason not to use it
    /// is another order.
    pub(crate) fn obeyed(&self, order: usize, outcome: Result<(), String>) {
        let overtaken = |why: &String| {
            let told = why.contains("another command") || why.contains("being shut down");
            told && self.orders.get() > order
        };
        let why = outcome.err().filter(|why| !overtaken(why));
        self.judge(broken_if(why.is_some(), Broken::Fault, || why.unwrap_or_default()));
    }

    /// The trouble that a connection, or a request, of this service is in now.
    pub(crate) fn fault(&self, service: Service, request: Option<&Request>) -> Option<Fault> {
        let now = self.now();
        let id = request.map(google::spreadsheet).unwrap_or_default();
        let book = self.plan.spreadsheets.iter().position(|own| own == id);
        let reads = request.is_some_and(|request| request.method == "GET");
        self.dice(|dice| {
            let of = self.plan.episodes.iter();
            let of = of.filter(|episode| episode.fault.is_of_connecting() == request.is_none());
            let of = of.filter(|episode| episode.only.is_none_or(|only| book == Some(only)));
            let mut of = of.filter(|episode| !episode.reads || reads);
            of.find(|episode| episode.strikes(service, now, dice)).map(|episode| episode.fault)
        })
    }

    /// A connection is not to be had.
    pub(crate) fn unreachable(&self, service: Service, fault: Fault) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let State { checker, told, google, .. } = &mut *state;
        checker.unreachable(now, service, &self.plan);
        if service != Service::Token || !google.has_given(millis(now)) {
            told.unreachable(now, service, fault);
        }
        drop(state);
        self.note(&format!("{service:?} {fault:?}"));
    }

    /// A request has arrived.
    pub(crate) fn begins(&self, service: Service, request: Request) -> Exchange {
        let fault = self.fault(service, Some(&request));
        let mut state = self.state.borrow_mut();
        state.requests += 1;
        let id = state.requests;
        let is_fetch = service == Service::Kraken && request.path().ends_with("/Ticker");
        state.kraken.fetches += u64::from(is_fetch);
        let fetch = state.kraken.fetches;
        let seen = Some(fetch).filter(|_| is_fetch);
        match Begun::new(service, self.now(), &request, seen, &self.plan) {
            Ok(begun) => {
                if self.plan.watched {
                    state.seen.push(Seen::new(id, &begun, &request));
                }
                state.checker.begins(id, begun, &self.plan, self.open.get());
            }
            Err(broken) => state.checker.judge(Err(broken)),
        }
        drop(state);
        let body = match service {
            Service::Sheets => String::from_utf8_lossy(&request.body),
            _ => "".into(), // what asks for a token has the time in it
        };
        let Request { method, target, bearer, .. } = &request;
        self.note(&format!("#{id} {service:?} {method} {target} {bearer} {fault:?} {body}"));
        Exchange { id, service, request, fault, fetch }
    }

    /// Does what a request asks, or what its fault makes of it.
    pub(crate) fn act(&self, exchange: &Exchange) -> (Reply, Vec<usize>) {
        let Exchange { service, request, fault, fetch, .. } = exchange;
        let now = millis(self.now());
        let State { dice, kraken, google, planted, troubles, .. } = &mut *self.state.borrow_mut();
        let quirk = (*fault == Some(Fault::Quirk)).then(|| faults::quirk(dice));
        if quirk.is_some_and(|(quirk, _)| quirk == Quirk::Error(kraken::UNKNOWN)) {
            let asked = kraken.asked(request).unwrap_or_default();
            troubles.refuses(self.now(), &asked, &self.plan);
        }
        match service {
            Service::Kraken => kraken.answer(request, *fetch, quirk),
            Service::Sheets if quirk.is_some() => (faults::sheets_quirk(dice), Vec::new()),
            Service::Sheets => {
                let reply = google.answer(request, self.plan.names_entries, now);
                planted.keeps_typed(google);
                (reply, Vec::new())
            }
            Service::Token if quirk.is_some() => (faults::token_error(dice), Vec::new()),
            Service::Token => (google.token(now, self.plan.token_life), Vec::new()),
        }
    }

    /// A request has ended.
    pub(crate) fn ends(&self, exchange: &Exchange, end: &End) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let State { checker, told, google, seen, .. } = &mut *state;
        checker.ends(exchange.id, now, end, &self.plan);
        // While there is an old token, that there is no new one is nobody's trouble.
        if exchange.service != Service::Token || !google.has_given(millis(now)) {
            told.ends(now, exchange, end, &self.plan);
        }
        if let Some(seen) = seen.iter_mut().rev().find(|seen| seen.id == exchange.id) {
            seen.ends(now, end);
        }
        drop(state);
        let End { status, whole, good, .. } = end;
        self.note(&format!("#{} ends: {status} whole {whole} good {good}", exchange.id));
    }

    /// An actor has failed.
    pub(crate) fn fault_of(&self, role: Role, fault: &ratesheet::Fault) {
        self.hear();
        let State { checker, told, .. } = &mut *self.state.borrow_mut();
        checker.fault(self.now(), role, fault);
        told.is_disturbed();
        if let Role::Sheets(book) = role {
            told.begins_anew(&self.plan.spreadsheets[book]);
        }
    }

    /// Hears what has been logged since it was last listened to.
    pub(crate) fn hear(&self) {
        let State { told, checker, .. } = &mut *self.state.borrow_mut();
        for (at, of, text) in self.log.take() {
            checker.judge(told.hears(at - self.start, &of, &text));
        }
    }

    /// Looks at what goes on.
    pub(crate) fn look(&self) {
        let State { google, kraken, troubles, .. } = &mut *self.state.borrow_mut();
        troubles.look(self.now(), &self.plan, google, kraken);
    }

    /// Something happens to the servers.
    pub(crate) fn happens(&self, happening: &Happening) {
        self.note(&format!("{happening:?}"));
        self.look();
        self.hear();
        let now = self.now();
        let State { kraken, google, checker, troubles, typed, told, planted, .. } =
            &mut *self.state.borrow_mut();
        troubles.begins(now, happening, &self.plan);
        match *happening {
            Happening::Rename(sheet) => {
                checker.moves(now, sheet);
                let (book, sheet) = self.tab(google, sheet);
                book.tabs.insert(sheet.gid, format!("Renamed {}", sheet.title()));
            }
            Happening::RenameBack(sheet) => {
                checker.moves(now, sheet);
                let (book, sheet) = self.tab(google, sheet);
                book.tabs.insert(sheet.gid, sheet.title());
            }
            Happening::Protect(sheet) => {
                let (book, sheet) = self.tab(google, sheet);
                book.protected.extend(sheet.protects());
            }
            Happening::Unprotect(sheet) => {
                let (book, sheet) = self.tab(google, sheet);
                sheet.protects().for_each(|cell| drop(book.protected.take(&cell)));
            }
            Happening::Deny(book) => self.spreadsheet(google, book).denied = true,
            Happening::Allow(book) => self.spreadsheet(google, book).denied = false,
            Happening::Bin(book) => self.spreadsheet(google, book).gone = true,
            Happening::Restore(book) => self.spreadsheet(google, book).gone = false,
            Happening::Unname(sheet) => {
                checker.moves(now, sheet);
                let (book, sheet) = self.tab(google, sheet);
                let name = sheet.named().map(|_| sheet.name());
                book.unnamed.extend(name);
            }
            Happening::Name(sheet) => {
                checker.moves(now, sheet);
                let (book, sheet) = self.tab(google, sheet);
                book.unnamed.remove(&sheet.name());
            }
            Happening::Type(sheet, cell) => {
                typed.note(now, (sheet, cell));
                let (book, sheet) = self.tab(google, sheet);
                let place = (sheet.gid, sheet.cells[cell].0.clone());
                let over = book.cells.insert(place.clone(), "typed by hand".into());
                planted.sees_typed(sheet.spreadsheet, place, over);
            }
            Happening::Delist(pair) => drop(kraken.delisted.insert(pair)),
            Happening::Relist(pair) => drop(kraken.delisted.remove(&pair)),
            Happening::Revoke => google.revoke(),
            Happening::Standstill(long) => {
                checker.stalls(now, long, &self.plan);
                told.is_disturbed();
            }
            Happening::Drill(role, drill) => {
                checker.drills(now, role, drill, &self.plan);
                told.is_disturbed();
            }
            Happening::Reload => {
                checker.reloads(now, &self.plan);
                told.reloads(now, self.plan.wait_for_a_tree());
            }
            Happening::Healed => {
                for book in google.spreadsheets.values_mut() {
                    (book.denied, book.gone) = (false, false);
                    book.protected.clear();
                    book.unnamed.clear();
                }
                for (index, sheet) in self.plan.sheets.iter().enumerate() {
                    checker.moves(now, index);
                    let book = google.spreadsheets.get_mut(self.plan.spreadsheet_of(sheet));
                    book.unwrap().tabs.insert(sheet.gid, sheet.title());
                }
                kraken.delisted.clear();
            }
        }
    }

    fn tab<'a>(&self, google: &'a mut Google, sheet: usize) -> (&'a mut Spreadsheet, &Sheet) {
        let sheet = &self.plan.sheets[sheet];
        (self.spreadsheet(google, sheet.spreadsheet), sheet)
    }

    fn spreadsheet<'a>(&self, google: &'a mut Google, book: usize) -> &'a mut Spreadsheet {
        google.spreadsheets.get_mut(&self.plan.spreadsheets[book]).unwrap()
    }
}

/// A time as the servers count it.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
