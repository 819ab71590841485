//! The reloads of a service, one at a time. Touches: the supervisor, the service manager; what it
//! reloads by.

use std::{future::pending, rc::Rc};

use actix::Addr;
use ratesheet::{Config, GetStatus, Reload, State, SupervisorActor};
use slog::{Logger, error, info};
use tokio::task::JoinHandle;

use super::notify::Manager;

/// Reloads a service whenever it is asked to. `R` reads the configuration again, and gives with it
/// what else is to be done once the tree goes by it: nothing of one that the tree refuses may be in
/// force.
#[derive(Debug)]
pub(super) struct Reloads<R, F> {
    reload: R,
    supervisor: Addr<SupervisorActor>,
    manager: Rc<Manager>,
    log: Logger,
    under_way: Option<UnderWay<F>>,
    /// It has been asked to meanwhile: what was read may be out of date.
    again: bool,
}

/// The start of the tree, or a reload.
#[derive(Debug)]
struct UnderWay<F> {
    answer: JoinHandle<Answer>,
    /// What is to be done when the tree goes by the new configuration, if there is one.
    in_force: Option<F>,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    /// The tree goes by the new configuration.
    accepted: bool,
    /// There is a tree, be it by the old one.
    stands: bool,
}

impl<R, F> Reloads<R, F>
where
    R: Fn() -> Result<(Config, F), String>,
    F: FnOnce(),
{
    /// Those of `supervisor`, which has only just been started. `manager` is told of its start too.
    pub(super) fn of(
        supervisor: Addr<SupervisorActor>,
        reload: R,
        manager: Rc<Manager>,
        log: Logger,
    ) -> Self {
        let answer = actix_rt::spawn(answer(supervisor.clone(), None));
        let under_way = Some(UnderWay { answer, in_force: None });
        Self { reload, supervisor, manager, log, under_way, again: false }
    }

    /// Reloads, or does so again when the reload that is under way has come to its end.
    pub(super) fn asked(&mut self) {
        self.manager.reloading();
        if self.under_way.is_some() {
            self.again = true;
        } else {
            self.begin();
        }
    }

    fn begin(&mut self) {
        match (self.reload)() {
            Ok((config, in_force)) => {
                info!(self.log, "the configuration is read again");
                let answer = actix_rt::spawn(answer(self.supervisor.clone(), Some(config)));
                self.under_way = Some(UnderWay { answer, in_force: Some(in_force) });
            }
            Err(problems) => {
                error!(self.log, "the new configuration cannot be used, the old one stays";
                    "problems" => problems);
                self.manager.ready();
            }
        }
    }

    /// Sees what is under way to its end; without any, there is no end. To stop waiting loses
    /// nothing.
    pub(super) async fn seen_through(&mut self) {
        let Some(UnderWay { answer, .. }) = &mut self.under_way else { return pending().await };
        let answer = answer.await.unwrap_or_default();
        let in_force = self.under_way.take().and_then(|under_way| under_way.in_force);
        if let (true, Some(in_force)) = (answer.accepted, in_force) {
            in_force();
        }
        if std::mem::take(&mut self.again) {
            self.begin();
        } else if answer.stands {
            self.manager.ready();
        }
    }
}

/// Has the tree go by `config`, if there is one, and says how it stands then.
async fn answer(supervisor: Addr<SupervisorActor>, config: Option<Config>) -> Answer {
    let accepted = match config {
        Some(config) => matches!(supervisor.send(Reload(Box::new(config))).await, Ok(Ok(()))),
        None => false,
    };
    let status = supervisor.send(GetStatus).await;
    Answer { accepted, stands: status.is_ok_and(|status| status.state == State::Running) }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        time::Duration,
    };

    use actix::Actor as _;
    use ratesheet::SheetConfig;
    use tokio::time::timeout;

    use super::*;

    type InForce<'a> = Box<dyn FnOnce() + 'a>;

    /// A service that is reloaded with these configurations, the last one first. Each tells how
    /// many sheets it has when it is in force.
    fn reloads<'a>(
        configs: &'a RefCell<Vec<Config>>,
        told: &'a Cell<usize>,
    ) -> Reloads<impl Fn() -> Result<(Config, InForce<'a>), String>, InForce<'a>> {
        let reload = move || {
            let config = configs.borrow_mut().pop().ok_or("there is none")?;
            let sheets = config.sheets.len();
            let in_force: InForce<'a> = Box::new(move || told.set(sheets));
            Ok((config, in_force))
        };
        let supervisor = SupervisorActor::new(Config::new()).ticks(0).start();
        let log = Logger::root(slog::Discard, slog::o!());
        Reloads::of(supervisor, reload, Rc::default(), log)
    }

    /// Sees what is under way to its end, which must come.
    async fn see_through<R, F>(reloads: &mut Reloads<R, F>)
    where
        R: Fn() -> Result<(Config, F), String>,
        F: FnOnce(),
    {
        const SOON: Duration = Duration::from_secs(30);
        timeout(SOON, reloads.seen_through()).await.expect("it comes to no end");
    }

    /// So many sheets, which nobody writes for want of credentials.
    fn sheets(count: usize) -> Config {
        const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
        (0..count).fold(Config::new(), |config, sheet| {
            let sheet = SheetConfig::new(ID, &*format!("Tab {sheet}"));
            let sheet = sheet.every(Duration::from_secs(5)).cell("kraken:xbteur:sell", "A1");
            config.sheet(sheet)
        })
    }

    #[test]
    fn of_a_configuration_that_the_tree_refuses_nothing_is_in_force() {
        // As when a file has changed after this command has looked at it, and before the tree does.
        let configs = RefCell::new(vec![sheets(1).credentials("/does/not/exist"), sheets(2)]);
        let told = Cell::new(0);
        actix_rt::System::new().block_on(async {
            let mut reloads = reloads(&configs, &told);
            see_through(&mut reloads).await;
            for expected in [0, 1] {
                reloads.asked();
                assert_eq!(told.get(), 0, "before the tree has answered");
                see_through(&mut reloads).await;
                assert_eq!(told.get(), expected);
            }
        });
    }

    #[test]
    fn whoever_asks_while_a_reload_is_under_way_gets_another_after_it() {
        let sheets = |count| sheets(count).credentials("/does/not/exist");
        let configs = RefCell::new(vec![sheets(2), sheets(1)]);
        let told = Cell::new(0);
        actix_rt::System::new().block_on(async {
            let mut reloads = reloads(&configs, &told);
            // The start is under way, and then a reload: however often it is asked, it is one.
            for begun in [0, 1] {
                reloads.asked();
                reloads.asked();
                assert_eq!(configs.borrow().len(), 2 - begun);
                see_through(&mut reloads).await;
                assert_eq!(told.get(), begun);
            }
            see_through(&mut reloads).await;
            assert_eq!(told.get(), 2);
            assert!(reloads.under_way.is_none() && !reloads.again);
        });
    }
}
