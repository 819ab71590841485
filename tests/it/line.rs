//! A line between us and the servers that is narrow, or is cut in the middle of a word.

use std::time::Duration;

use ratesheet::sandbox::{Fault, FaultRule, Sandbox, Service};

use crate::rig::{ONE, Rig, block_on, eventually, is_failing, one_price, status, with_tree};

#[test]
fn what_comes_in_small_slices_comes() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.kraken.deadline = Duration::from_secs(10);
        config.google.deadline = Duration::from_secs(10);
        for service in [Service::Kraken, Service::Token, Service::Sheets] {
            // The long list in slices of a packet, the rest in slices of some words.
            let every = Duration::from_millis(1);
            let list = Fault::Drip { bytes: 1_400, every };
            rig.sandbox.inject(FaultRule::new(service, list).path("AssetPairs"));
            rig.sandbox.fault(service, Fault::Drip { bytes: 16, every });
        }
        with_tree(config, async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.fresh(&[(ONE, "A1")]).await;
            let status = status(tree).await;
            assert_eq!(status.kraken.failures + status.spreadsheets[ONE].write_failures, 0);
        })
        .await;
    });
}

#[test]
fn a_line_that_is_cut_in_the_middle_of_an_answer_is_made_anew() {
    for service in [Service::Kraken, Service::Token, Service::Sheets] {
        block_on(async {
            let rig = Rig::new();
            rig.sandbox.fault(service, Fault::ResetMid);
            with_tree(rig.config().sheet(one_price(ONE)), async |tree| {
                let cut = |sandbox: &Sandbox| {
                    let met = sandbox.requests(service);
                    met.iter().filter(|entry| entry.ended.is_some()).count() >= 3
                };
                rig.until("three that are cut", cut).await;
                let noticed = async || is_failing(tree, service).await;
                eventually("that it is cut is noticed", noticed).await;
                rig.sandbox.clear_faults();
                rig.fresh(&[(ONE, "A1")]).await;
                assert!(status(tree).await.restarts.is_empty());
            })
            .await;
        });
    }
}
