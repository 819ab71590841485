//! Without a key: the identity that Google gives its machines, by the metadata server that is
//! beside them.

use ratesheet::{
    MetadataServer,
    sandbox::{Fault, SERVICE_ACCOUNT, Service},
};

use crate::rig::{
    ONE, Process, Rig, SOON, block_on, finish, one_price, price_in, ratesheet, with_tree,
};

/// What a command says on such a machine, and how it ends.
fn said(rig: &Rig, command: &[&str]) -> (String, i32) {
    let file = rig.file(&price_in(ONE, "A1"));
    let path = file.path().to_str().unwrap();
    let arguments = [command, &["-c", path, "--credentials", "metadata"]].concat();
    let mut process = ratesheet(&arguments);
    process.env("GCE_METADATA_HOST", rig.sandbox.address().to_string());
    let output = finish(process);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code().unwrap())
}

#[test]
fn the_machines_identity_writes_and_its_address_is_told() {
    let rig = Rig::new();
    let (text, code) = said(&rig, &["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("as the identity that Google has given to this machine"), "{text}");
    assert_eq!(rig.sandbox.journal().len(), 0);
    let (text, code) = said(&rig, &["check", "--online"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("signed in as {SERVICE_ACCOUNT}")), "{text}");
    let (text, code) = said(&rig, &["once"]);
    assert_eq!(code, 0, "{text}");
    assert!(rig.number("A1").is_some());
    assert_eq!(rig.sandbox.count(Service::Token), 0, "a key was used");
    let asked = rig.sandbox.requests(Service::Metadata);
    let email = "/computeMetadata/v1/instance/service-accounts/default/email";
    assert!(asked.iter().any(|entry| entry.target == email), "{asked:?}");
    let scope = "default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fspreadsheets";
    assert!(asked.iter().any(|entry| entry.target.ends_with(scope)), "{asked:?}");
    for entry in asked {
        assert_eq!(entry.header("metadata-flavor"), Some("Google"));
        assert_eq!(entry.header("authorization"), None, "a token was sent in the clear");
    }
}

#[test]
fn run_logs_in_whose_name_it_writes_once() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    process.signal("TERM");
    let log = String::from_utf8(process.end().stderr).unwrap();
    assert_eq!(log.matches(&format!("in the name of {SERVICE_ACCOUNT}")).count(), 1, "{log}");
}

#[test]
fn the_library_is_told_where_the_metadata_server_is_and_reads_no_environment() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_machine_identity(Some("robot@example-1.iam.gserviceaccount.com"));
        let server = MetadataServer::at(&rig.sandbox.address().to_string()).unwrap();
        let config = rig.config().credentials(server).sheet(one_price(ONE));
        with_tree(config, async |_| {
            rig.until("a price by the machine's token", |_| rig.number("A1").is_some()).await;
            // A token that is taken back is replaced.
            rig.sandbox.revoke_tokens();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
        assert_eq!(rig.sandbox.count(Service::Token), 0);
    });
}

#[test]
fn what_the_metadata_server_refuses_is_told_with_its_remedy() {
    let text = |code, body: &str| Fault::Status {
        code,
        content_type: "text/plain".into(),
        body: body.into(),
        headers: Vec::new(),
    };
    let denied = "Unable to generate access token; IAM returned 403 Forbidden: Permission \
                  'iam.serviceAccounts.getAccessToken' denied";
    for (fault, code, words) in [
        (text(403, denied), 77, "getAccessToken' denied.\n    Let the Kubernetes service account"),
        (Fault::Html(404), 77, "Give the machine a service account: it has none"),
        (Fault::Html(503), 69, "Google's metadata server gives no token: HTTP 503, text/html"),
        (Fault::Html(200), 69, "the answer is not the metadata server's.\n    \"metadata\" is for"),
        (Fault::Redirect { code: 302, to: "http://portal/".into() }, 69, "not the metadata server"),
        (Fault::json(200, r#"{"access_token":"ya29.CANARY"}"#), 69, "not the metadata server's"),
        (Fault::EmptyBody, 69, "the answer is not the metadata server's"),
        (Fault::Close, 69, "the connection broke: it was closed before anything was answered"),
    ] {
        let rig = Rig::new();
        rig.sandbox.fault(Service::Metadata, fault.clone());
        let (text, exit) = said(&rig, &["check", "--online"]);
        assert!(text.contains(words), "{words}\n{text}");
        assert!(!text.contains("CANARY"), "{text}");
        assert_eq!(exit, code, "{fault:?}\n{text}");
    }
}

#[test]
fn an_identity_that_cannot_write_is_told_with_its_remedy() {
    let rig = Rig::new();
    rig.sandbox.set_machine_identity(None);
    let (text, code) = said(&rig, &["once"]);
    assert!(text.contains("Give the machine a service account"), "{text}");
    assert_eq!(code, 77);
    rig.sandbox.set_machine_identity(Some("example-1.svc.id.goog"));
    let (text, code) = said(&rig, &["once"]);
    assert!(text.contains("its identity example-1.svc.id.goog is no account"), "{text}");
    assert!(text.contains("Link the pod's Kubernetes service account"), "{text}");
    assert_eq!(code, 77);
    rig.sandbox.set_machine_identity(Some(SERVICE_ACCOUNT));
    rig.sandbox.set_machine_scopes(&["cloud-platform"]);
    let (text, code) = said(&rig, &["once"]);
    assert!(text.contains("the access token is not for spreadsheets: Request had"), "{text}");
    assert!(text.contains("Give the machine the access scope"), "{text}");
    assert_eq!(code, 77);
}

#[test]
fn where_there_is_no_metadata_server_it_is_not_waited_for() {
    let rig = Rig::new();
    rig.sandbox.pause_listening();
    let file = rig.file(&price_in(ONE, "A1"));
    let arguments = ["check", "--online", "-c", file.path().to_str().unwrap()];
    let mut command = ratesheet(&arguments);
    command.env("RATESHEET__CREDENTIALS", "metadata");
    command.env("GCE_METADATA_HOST", rig.sandbox.address().to_string());
    let start = tokio::time::Instant::now();
    let output = finish(command);
    assert_eq!(output.status.code(), Some(69));
    assert!(start.elapsed() < SOON / 3, "{:?}", start.elapsed());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("elsewhere name a service account's key as the credentials"), "{text}");
}
