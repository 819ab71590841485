//! Commands to a tree that come one upon the other: who is told what.

use actix::Actor as _;
use ratesheet::{Event, Reload, Shutdown, SupervisorActor, Tab, sandbox::Service};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use crate::{
    journal::Journal,
    rig::{Ear, ONE, Rig, TAB, block_on, one_price, sheet, ticks, with_tree},
};

#[test]
fn a_reload_that_another_command_overtakes_does_not_claim_to_be_at_work() {
    block_on(async {
        let rig = Rig::new();
        let config = || Box::new(rig.config().sheet(one_price(ONE)));
        let tree = SupervisorActor::new(*config()).start();
        let (one, other) = tokio::join!(tree.send(Reload(config())), tree.send(Reload(config())));
        let told = one.unwrap().unwrap_err();
        assert!(told.contains("another command has come"), "{told}");
        other.unwrap().unwrap();
        let (reload, stopped) = tokio::join!(tree.send(Reload(config())), tree.send(Shutdown));
        let told = reload.unwrap().unwrap_err();
        assert!(told.contains("is being shut down"), "{told}");
        stopped.unwrap();
    });
}

#[test]
fn what_a_reload_leaves_behind_is_told_once_though_another_overtakes_it() {
    block_on(async {
        let rig = Rig::new();
        let config =
            |cell| Box::new(rig.config().sheet(sheet(ONE).cell("kraken:xbteur:sell", cell)));
        let journal = Journal::default();
        let tree = SupervisorActor::new(*config("A1")).logger(journal.logger()).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let reload = || tree.send(Reload(config("B1")));
        let (overtaken, last) = tokio::join!(reload(), reload());
        assert!(overtaken.unwrap().is_err());
        last.unwrap().unwrap();
        let mut told = journal.take();
        told.retain(|line| line.contains("no longer written"));
        assert_eq!(told, ["WARN no longer written, and keeping the last value: 'Sheet 1'!A1"]);
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn cells_whose_tab_is_named_otherwise_are_told_as_it_may_be_another() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 10, 10);
        let journal = Journal::default();
        let tree = SupervisorActor::new(rig.config().sheet(one_price(ONE)));
        let tree = tree.logger(journal.logger()).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let other = Tab::Gid(rig.sandbox.gid(ONE, "Other").try_into().unwrap());
        let mut sheet = one_price(ONE);
        sheet.tab = other;
        tree.send(Reload(Box::new(rig.config().sheet(sheet)))).await.unwrap().unwrap();
        let told = format!("WARN no longer written, unless under another name: '{TAB}'!A1");
        assert!(journal.take().contains(&told), "{told}");
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn thirty_reloads_spend_one_budget() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.writes_per_minute = 1;
        config.kraken.requests_per_second = 10.0;
        let begin = Instant::now();
        with_tree(config.clone(), async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            for _ in 0..30 {
                tree.send(Reload(Box::new(config.clone()))).await.unwrap().unwrap();
                // Whatever it may ask for at once it has asked for.
                ticks(tree, 3).await;
            }
        })
        .await;
        let journal = rig.sandbox.journal();
        let passed = begin.elapsed().as_secs() as usize + 1;
        let of = |service, most| {
            let asked = journal.iter().filter(|entry| entry.service == service).count();
            assert!((1..=most).contains(&asked), "{asked} to {service:?} in {passed} s");
        };
        of(Service::Kraken, 2 + 10 * passed);
        // Five reads, and five writes, at once.
        of(Service::Sheets, 10 + passed / 30);
    });
}

#[test]
fn that_a_tree_has_stopped_is_told_once_however_many_have_asked() {
    block_on(async {
        let rig = Rig::new();
        let (tell, mut told) = unbounded_channel();
        let tree = SupervisorActor::new(rig.config().sheet(one_price(ONE)));
        let tree = tree.subscriber(Ear(tell).start().recipient()).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let asked = [(); 3].map(|()| tree.send(Shutdown));
        for asked in asked {
            asked.await.unwrap();
        }
        drop(tree);
        let mut stopped = 0;
        while let Some(event) = told.recv().await {
            stopped += usize::from(matches!(event, Event::Stopped));
        }
        assert_eq!(stopped, 1);
    });
}
