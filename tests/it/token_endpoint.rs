//! The token endpoint in trouble: what it says beside its body is told, and heeded.

use std::time::Duration;

use jiff::SignedDuration;
use ratesheet::sandbox::{Fault, FaultRule, Service};

use crate::rig::{ONE, Rig, block_on, finish, one_price, ratesheet, with_tree};

fn page(code: u16) -> Fault {
    Fault::Status {
        code,
        content_type: "text/html".into(),
        body: "<title>Error</title>".into(),
        headers: Vec::new(),
    }
}

/// An answer without a token, after another that is none yet.
fn after_early_hints(status: &str) -> Fault {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_owned();
    let answer = format!("{status}\r\nContent-Length: 2\r\n\r\n{{}}");
    Fault::Raw { pieces: vec![hints, answer], every: Duration::from_millis(5) }
}

#[test]
fn it_is_left_alone_for_as_long_as_it_asks() {
    block_on(async {
        let rig = Rig::new();
        let busy = page(503).header("Retry-After", "1");
        rig.sandbox.inject(FaultRule::new(Service::Token, busy).times(1));
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.until("a price after all", |_| rig.number("A1").is_some()).await;
        })
        .await;
        let asked = rig.sandbox.requests(Service::Token);
        assert_eq!(asked.len(), 2);
        let between = asked[1].at.duration_since(asked[0].at);
        assert!(between >= SignedDuration::from_millis(990), "{between:?}");
    });
}

#[test]
fn its_status_is_told() {
    for (fault, told) in [
        (page(503), "gives no token: HTTP 503, its answer is not JSON"),
        (Fault::status(500), "gives no token: HTTP 500, there is no token in its answer"),
        (Fault::json(502, r#"{"access_token":"ya29.x","expires_in":3599}"#), "HTTP 502, and yet"),
        (page(200), "gives no token: its answer is not JSON"),
        (Fault::Reset, "gives no token: "),
        (after_early_hints("HTTP/1.1 200 OK"), "gives no token: there is no token in its answer"),
        (after_early_hints("HTTP/1.1 500 No"), "gives no token: HTTP 500, there is no token"),
    ] {
        let rig = Rig::new();
        rig.sandbox.fault(Service::Token, fault);
        let sheet = format!(
            r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
        );
        let file = rig.file(&sheet);
        let path = file.path().to_str().unwrap();
        let output = finish(ratesheet(&["once", "-c", path]));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(told), "{told}\n{text}");
        assert_eq!(output.status.code(), Some(69), "{text}");
    }
}

#[test]
fn an_answer_that_drips_its_head_is_heard_all_the_same() {
    block_on(async {
        let rig = Rig::new();
        let pieces =
            ["HTTP/1.1 4", "29 Slow down\r\nRetry-Af", "ter: 1\r\nContent-Length: 2\r\n", "\r\n{}"];
        let pieces = pieces.map(str::to_owned).to_vec();
        let drip = Fault::Raw { pieces, every: Duration::from_millis(5) };
        rig.sandbox.inject(FaultRule::new(Service::Token, drip).times(1));
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.until("a price after all", |_| rig.number("A1").is_some()).await;
        })
        .await;
        let asked = rig.sandbox.requests(Service::Token);
        let between = asked[1].at.duration_since(asked[0].at);
        assert!(between >= SignedDuration::from_millis(990), "{between:?}");
    });
}
