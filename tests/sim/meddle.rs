//! The planted bugs at work.

use std::{panic::panic_any, rc::Rc, time::Duration};

use ratesheet::Exit;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    faults::{Fault, Service},
    google::{self, Google, Place},
    http1::{Reply, Request},
    kraken::{decode, stands},
    net,
    plan::{Happening, Role, secs},
    planted::{Bug, Planted},
    world::{Exchange, World},
};

/// What a planted panic says.
pub(crate) const PLANTED: &str = "a planted panic";

/// For how long after a failure a bug is not sure of anything.
const UNSURE: Duration = secs(180);

/// How many requests are too many, and how far apart they are.
const MANY: usize = 100;
const APART: Duration = Duration::from_millis(100);

/// What becomes of a request.
pub(crate) enum Meddled {
    Sent(Request),
    /// It never reaches the server; the product is told this.
    Swallowed(Reply),
}

fn is_write(service: Service, request: &Request) -> bool {
    request.method == "POST" && service == Service::Sheets
}

impl World {
    pub(crate) fn bug(&self) -> Option<Bug> {
        self.state.borrow().planted.bug
    }

    /// The bug sees something happen. An actor may fail of it.
    pub(crate) fn bug_sees(&self, happening: &Happening) -> Option<Role> {
        let planted = &mut self.state.borrow_mut().planted;
        match happening {
            Happening::Standstill(long) => planted.stalled = Some(long.as_secs()),
            Happening::Deny(book) | Happening::Drill(Role::Sheets(book), _) => {
                planted.troubled = Some(*book);
            }
            Happening::Allow(book) => {
                let probe = self.plan.config.retry.probe;
                planted.unseen = Some((*book, self.now() + probe * 12 / 5));
            }
            Happening::Healed => planted.healed = Some(self.now()),
            _ => {}
        }
        match planted.bug.filter(|_| planted.healed.is_some()) {
            Some(Bug::Panic) => return Some(Role::Kraken),
            Some(Bug::StrayPanic) => {
                planted.bug = None;
                actix_rt::spawn(async { panic_any(PLANTED) });
            }
            _ => {}
        }
        None
    }

    /// Whether a connection that has ended stays open.
    pub(crate) fn bug_leaks(&self) -> bool {
        self.bug() == Some(Bug::Leak)
    }

    /// Whether a fault is told later.
    pub(crate) fn bug_keeps(self: &Rc<Self>, role: Role, fault: &ratesheet::Fault) -> bool {
        let slow = self.bug() == Some(Bug::SlowGuard) && fault.exit == Exit::Stuck;
        if slow {
            let (world, fault) = (Rc::clone(self), fault.clone());
            actix_rt::spawn(async move {
                sleep(7 * world.plan.config.supervision.ping).await;
                world.state.borrow_mut().checker.fault(world.now(), role, &fault);
            });
        }
        slow
    }

    /// How much longer it takes to stop.
    pub(crate) fn bug_stops(&self) -> Duration {
        let slow = self.bug() == Some(Bug::SlowStop);
        if slow { self.plan.config.shutdown_grace + secs(1) } else { Duration::ZERO }
    }

    /// The bug sees that it has stopped.
    pub(crate) async fn bug_sees_the_end(&self) {
        if self.bug() == Some(Bug::Straggler) {
            let fetch = Request::new("GET", "/0/public/Ticker");
            net::beside(self, Service::Kraken, fetch).await;
        }
    }

    /// How much longer a request takes: who cuts writes finds few of them in flight otherwise.
    pub(crate) fn bug_dawdles(&self, exchange: &Exchange) -> Duration {
        let write = is_write(exchange.service, &exchange.request);
        if self.bug() == Some(Bug::CutWrite) && write { secs(1) } else { Duration::ZERO }
    }

    /// Whether a request is broken off.
    pub(crate) fn bug_cuts(&self, exchange: &Exchange) -> bool {
        let stopping = self.state.borrow().checker.is_stopping();
        let write = is_write(exchange.service, &exchange.request);
        self.bug() == Some(Bug::CutWrite) && stopping && write
    }

    /// The bug sees a request that the product makes.
    pub(crate) fn meddles(self: &Rc<Self>, service: Service, mut request: Request) -> Meddled {
        let is_fetch = request.path().ends_with("/Ticker");
        let is_write = is_write(service, &request);
        let state = &mut *self.state.borrow_mut();
        let planted = &mut state.planted;
        match planted.bug {
            Some(bug) if is_write => {
                if planted.swallows(bug, self.now(), &self.plan.spreadsheets, &request) {
                    let count = google::cells(&request).len();
                    let done = json!({ "totalUpdatedCells": count }).to_string();
                    return Meddled::Swallowed(Reply::good(done));
                }
                planted.spoils(bug, self.now(), &mut request);
            }
            Some(Bug::Burst) if is_fetch => {
                let shortest = self.plan.sheets.iter().map(|sheet| sheet.every.as_secs()).min();
                let missed = planted.stalled.take().unwrap_or_default() / shortest.unwrap();
                self.repeats(service, &request, missed as usize, secs(1));
            }
            Some(Bug::LostTick) if is_fetch && planted.stalled.take().is_some() => {
                return Meddled::Swallowed(Reply::good(r#"{"error":[],"result":{}}"#.into()));
            }
            Some(Bug::TokenForKraken) if is_fetch => "token-1".clone_into(&mut request.bearer),
            Some(Bug::PoisonedToken) if service == Service::Token => {
                if let Some(token) = planted.token.clone() {
                    return Meddled::Swallowed(token);
                }
            }
            _ => {}
        }
        Meddled::Sent(request)
    }

    /// What is asked once more before this request.
    pub(crate) fn bug_comes_between(&self, request: &Request) -> Option<Request> {
        let planted = &mut self.state.borrow_mut().planted;
        planted
            .first
            .take_if(|first| first.path() == request.path() && first.target != request.target)
    }

    /// The bug sees what its server makes of a request.
    pub(crate) fn bug_sees_fault(self: &Rc<Self>, exchange: &Exchange) {
        let Exchange { service, request, fault, .. } = exchange;
        let slow = matches!(fault, Some(Fault::Hang | Fault::Delay | Fault::Drip));
        let again = match self.bug() {
            Some(Bug::NoInFlightGuard) => is_write(*service, request),
            Some(Bug::ImpatientFetch) => request.path().ends_with("/Ticker"),
            _ => false,
        };
        if again && slow {
            self.repeats(*service, request, 1, secs(1));
        }
    }

    /// The bug sees an answer.
    pub(crate) fn bug_sees_end(
        self: &Rc<Self>,
        exchange: &Exchange,
        reply: Option<&Reply>,
        good: bool,
    ) {
        let Exchange { service, request, .. } = exchange;
        let is_write = is_write(*service, request);
        let is_fetch = request.path().ends_with("/Ticker");
        let status = reply.map_or(0, |reply| reply.status);
        let Some(bug) = self.bug() else { return };
        let planted = |change: &dyn Fn(&mut Planted)| change(&mut self.state.borrow_mut().planted);
        match bug {
            Bug::OldPayload if is_write && !good => planted(&|planted| {
                let book = google::spreadsheet(request).to_owned();
                planted.failed.insert(book, request.body.clone());
            }),
            Bug::PoisonedToken if *service == Service::Token && good => {
                planted(&|planted| planted.token = reply.cloned());
            }
            Bug::AllAgain if is_write && good => planted(&|planted| {
                let book = google::spreadsheet(request).to_owned();
                planted.written.entry(book).or_default().extend(entries(request));
            }),
            Bug::NeverSure if is_write && good => planted(&|planted| {
                let book = google::spreadsheet(request).to_owned();
                let written = planted.written.entry(book).or_default();
                let new = entries(request);
                written.retain(|old| new.iter().all(|entry| entry["range"] != old["range"]));
                written.extend(new.into_iter().filter(stands_still));
            }),
            Bug::NeverSure if is_write && status != 400 => planted(&|planted| {
                let book = google::spreadsheet(request).to_owned();
                planted.written.remove(&book);
                planted.unsure.insert(book, self.now());
            }),
            Bug::AllAgain if is_write => planted(&|planted| planted.refused = status == 400),
            Bug::AllAgain if is_fetch => planted(&|planted| planted.written.clear()),
            Bug::EverythingTwice if is_write && good => self.repeats(*service, request, 1, APART),
            Bug::FetchTwice if is_fetch && good => self.repeats(*service, request, 1, secs(1)),
            Bug::Restless if is_fetch && !good => self.repeats(*service, request, 20, secs(3)),
            Bug::RestlessError if is_fetch && status == 200 && !good => {
                self.repeats(*service, request, 20, secs(3));
            }
            Bug::Hasty if is_fetch && !good => self.repeats(*service, request, 1, APART),
            Bug::ComesBetween if is_fetch && good => planted(&|planted| {
                let many = request.query("pair").is_some_and(|list| list.len() > 600);
                planted.first = Some(request.clone()).filter(|_| many);
            }),
            Bug::MakesUp if is_fetch && good => {
                let missed = std::mem::take(&mut self.state.borrow_mut().planted.missed);
                self.repeats(*service, request, missed, secs(2));
            }
            Bug::MakesUp if is_fetch => planted(&|planted| planted.missed += 1),
            Bug::Insistent if matches!(status, 403 | 404) => {
                self.repeats(*service, request, 2, secs(5));
            }
            Bug::RestlessRefusal if status == 400 => self.repeats(*service, request, 60, secs(1)),
            Bug::TokenForEachFailure if is_write && !good => {
                let ask = Request::new("POST", "/token");
                self.repeats(Service::Token, &ask, 1, APART);
            }
            Bug::RestlessSurvey if *service == Service::Sheets && !is_write && !good => {
                self.repeats(*service, request, 20, secs(3));
            }
            Bug::TokenForEachWrite if is_write && good => {
                let ask = Request::new("POST", "/token");
                self.repeats(Service::Token, &ask, 1, APART);
            }
            Bug::NoBackoff if is_write && !good => self.repeats(*service, request, MANY, APART),
            Bug::ListWithoutEnd if request.path().ends_with("/AssetPairs") => {
                self.repeats(*service, request, MANY, APART);
            }
            Bug::SurveyWithoutEnd if *service == Service::Sheets && !is_write => {
                self.repeats(*service, request, MANY, APART);
            }
            _ => {}
        }
    }

    /// Makes a request again, so many times.
    fn repeats(
        self: &Rc<Self>,
        service: Service,
        request: &Request,
        times: usize,
        apart: Duration,
    ) {
        let (world, request) = (Rc::clone(self), request.clone());
        actix_rt::spawn(async move {
            for _ in 0..times {
                sleep(apart).await;
                net::beside(&world, service, request.clone()).await;
            }
        });
    }
}

/// The entries of a write.
fn entries(request: &Request) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["data"].as_array().cloned().unwrap_or_default()
}

/// Whether an entry has a price that stands still for a while.
fn stands_still(entry: &Value) -> bool {
    let price = entry["values"][0][0].as_f64().and_then(decode);
    price.is_some_and(|(pair, ..)| stands(pair) > 1)
}

/// Writes one more, if its cell is not written yet.
fn add(request: &mut Request, entry: Value) {
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    let entries = body["data"].as_array_mut().unwrap();
    if entries.iter().all(|other| other["range"] != entry["range"]) {
        entries.push(entry);
    }
    request.body = body.to_string().into_bytes();
}

impl Planted {
    /// The bug sees somebody type over a price of a spreadsheet.
    pub(crate) fn sees_typed(&mut self, book: usize, cell: Place, over: Option<Value>) {
        if self.bug == Some(Bug::TrustsItself) {
            self.typed.extend(over.map(|price| ((book, cell), price)));
        }
    }

    /// What was typed over a price stays, until another price is written there.
    pub(crate) fn keeps_typed(&mut self, google: &mut Google) {
        let mut books: Vec<_> = google.spreadsheets.values_mut().collect();
        self.typed.retain(|(book, cell), over| {
            let shown = books[*book].cells.get_mut(cell);
            let stays = shown.as_ref().is_none_or(|shown| **shown == *over || shown.is_string());
            shown.filter(|_| stays).into_iter().for_each(|shown| *shown = "typed by hand".into());
            stays
        });
    }

    /// Whether a write never reaches its server.
    fn swallows(&self, bug: Bug, now: Duration, books: &[String], request: &Request) -> bool {
        match bug {
            Bug::GivenUp => self.healed.is_some(),
            Bug::SlowRecovery => self.healed.is_some_and(|healed| now < healed + secs(60)),
            Bug::SlowProbe => self.unseen.is_some_and(|(book, until)| {
                now < until && books[book] == google::spreadsheet(request)
            }),
            Bug::AllForOne => {
                let troubled = self.troubled.and_then(|book| books.get(book));
                troubled.is_some_and(|id| id != google::spreadsheet(request))
            }
            _ => false,
        }
    }

    /// Makes another write of it.
    fn spoils(&mut self, bug: Bug, now: Duration, request: &mut Request) {
        let book = google::spreadsheet(request).to_owned();
        match bug {
            Bug::OldPayload => {
                if let Some(failed) = self.failed.remove(&book) {
                    request.body = failed;
                }
            }
            Bug::StaleQueue => {
                let queue = self.queue.entry(book).or_default();
                queue.push_back(request.body.clone());
                if queue.len() > 4 {
                    request.body = queue.pop_front().unwrap();
                    queue.clear();
                }
            }
            Bug::OneColumnOff => request.rewrite("!B", "!C"),
            Bug::UserEntered => request.rewrite("RAW", "USER_ENTERED"),
            Bug::TwoRows => request.rewrite("]]}]}", "],[1]]}]}"),
            Bug::Negative => {
                request.rewrite("[[", "[[-");
                self.bug = None;
            }
            Bug::AllAgain if std::mem::take(&mut self.refused) => {
                self.written
                    .remove(&book)
                    .into_iter()
                    .flatten()
                    .for_each(|entry| add(request, entry));
            }
            Bug::NeverSure if self.unsure.get(&book).is_some_and(|at| now < *at + UNSURE) => {
                let written = self.written.get(&book).into_iter().flatten();
                written.for_each(|entry| add(request, entry.clone()));
            }
            Bug::TellsAgain => {
                match entries(request).into_iter().find(|entry| entry["values"][0][0].is_string()) {
                    Some(told) => drop(self.told.insert(book, told)),
                    None => {
                        self.told.get(&book).into_iter().for_each(|told| add(request, told.clone()))
                    }
                }
            }
            Bug::Swapped => {
                let mut body: Value = serde_json::from_slice(&request.body).unwrap();
                if let [one, other, ..] = body["data"].as_array_mut().unwrap().as_mut_slice() {
                    std::mem::swap(&mut one["values"], &mut other["values"]);
                }
                request.body = body.to_string().into_bytes();
            }
            _ => {}
        }
    }
}
