//! Commands to a tree that come one upon the other: who is told what.

use actix::Actor as _;
use ratesheet::{Event, Reload, Shutdown, SupervisorActor};
use tokio::sync::mpsc::unbounded_channel;

use crate::rig::{Ear, ONE, Rig, block_on, one_price};

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
