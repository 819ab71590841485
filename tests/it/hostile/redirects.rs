//! Redirects: none is followed, whoever sends it, wherever it leads.

use std::time::Duration;

use ratesheet::sandbox::{Fault, Sandbox, Service};

use crate::rig::{ONE, Rig, block_on, one_price, report, status, with_tree};

const CODES: [u16; 5] = [301, 302, 303, 307, 308];

/// Has a service redirect every request, and looks whether the other host hears anything.
fn leads_nowhere(service: Service) {
    block_on(async {
        let (rig, other) = (Rig::new(), Sandbox::start().unwrap());
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            for code in CODES {
                rig.fresh(&[(ONE, "A1")]).await;
                if service == Service::Token {
                    rig.sandbox.revoke_tokens();
                }
                let before = rig.sandbox.count(service);
                let id = rig
                    .sandbox
                    .fault(service, Fault::Redirect { code, to: format!("{}/token", other.url()) });
                let three = |s: &Sandbox| s.count(service) >= before + 3;
                rig.until(&format!("three requests that meet {code}"), three).await;
                rig.sandbox.clear_fault(id);
            }
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
        assert!(other.journal().is_empty(), "{:?}", other.journal());
    });
}

#[test]
fn a_redirect_of_kraken_s_is_not_followed() {
    leads_nowhere(Service::Kraken);
}

#[test]
fn a_redirect_of_the_token_endpoint_is_not_followed() {
    leads_nowhere(Service::Token);
}

#[test]
fn a_redirect_of_google_s_is_not_followed() {
    leads_nowhere(Service::Sheets);
}

#[test]
fn a_redirect_to_itself_is_one_request() {
    block_on(async {
        let rig = Rig::new();
        let own =
            |path: &str| Fault::Redirect { code: 307, to: format!("{}{path}", rig.sandbox.url()) };
        rig.sandbox.fault(Service::Kraken, own("/0/public/AssetPairs"));
        rig.sandbox.fault(Service::Token, own("/token"));
        let mut config = rig.config().sheet(one_price(ONE).every(Duration::from_secs(3600)));
        config.retry.backoff.min = Duration::from_secs(3600);
        config.retry.backoff.max = Duration::from_secs(3600);
        with_tree(config, async |supervisor| {
            report(supervisor, |report| report.failing.is_some()).await;
            assert!(status(supervisor).await.kraken.failures > 0);
        })
        .await;
        // The list of pairs, and the tickers; one token.
        assert!(rig.sandbox.count(Service::Kraken) <= 2, "{:?}", rig.sandbox.journal());
        assert_eq!(rig.sandbox.count(Service::Token), 1);
    });
}
