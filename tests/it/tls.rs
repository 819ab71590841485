//! Whom it trusts: a private authority that it is told of, and nobody whose certificate is
//! unknown, of another name, or out of date.

use std::sync::{Arc, Mutex};

use actix::Addr;
use ratesheet::{
    Config, FailureClass, GetStatus, Reload, SupervisorActor,
    sandbox::{Fault, Sandbox, Service},
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::rig::{
    ONE, Rig, block_on, finish, in_flight, one_price, ratesheet, report, slow, with_tree,
};

/// An authority, and the file that it is told of in.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// A certificate for `name`, as a server shows it.
    fn certified(&self, name: &str, expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        shows(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

/// A certificate that nobody but its own holder has signed.
fn self_signed() -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "nobody but itself");
    shows(&params.self_signed(&key).unwrap(), &key)
}

/// A server's side of TLS, which shows this certificate.
fn shows(certificate: &Certificate, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A server that passes on to the sandbox whatever it is told.
struct Front {
    url: String,
    certificate: Arc<Mutex<TlsAcceptor>>,
}

impl Front {
    async fn new(rig: &Rig, certificate: TlsAcceptor) -> Self {
        let sandbox = rig.sandbox.address();
        let certificate = Arc::new(Mutex::new(certificate));
        let shown = Arc::clone(&certificate);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = shown.lock().unwrap().clone();
                actix_rt::spawn(async move {
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    let mut outside = TcpStream::connect(sandbox).await.unwrap();
                    let copied = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                    copied.map(drop).unwrap_or_default(); // either side may hang up
                });
            }
        });
        Self { url, certificate }
    }

    /// Shows another certificate from now on.
    fn show(&self, certificate: TlsAcceptor) {
        *self.certificate.lock().unwrap() = certificate;
    }
}

/// Kraken and Google are behind TLS.
fn config(rig: &Rig, url: &str, authority: Option<&Authority>) -> Config {
    let mut config = token_config(rig, authority);
    config.kraken.url = url.into();
    config.google.url = url.into();
    config
}

/// Nobody is, but whom the key names.
fn token_config(rig: &Rig, authority: Option<&Authority>) -> Config {
    let mut config = rig.config().sheet(one_price(ONE));
    config.tls.ca_file = authority.map(|authority| authority.file.path().into());
    config
}

#[test]
fn an_authority_that_it_is_told_of_is_trusted() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let front = Front::new(&rig, authority.certified("localhost", false)).await;
        with_tree(config(&rig, &front.url, Some(&authority)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn what_was_accepted_at_a_reload_counts_though_its_file_is_gone_when_the_old_tree_has_stopped() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let front = Front::new(&rig, authority.certified("localhost", false)).await;
        let next = config(&rig, &front.url, Some(&authority));
        with_tree(rig.config().sheet(one_price(ONE)), async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            let slow = rig.sandbox.inject(slow(300));
            rig.until("a write", in_flight).await;
            let reload = tree.send(Reload(Box::new(next)));
            let replaced = async {
                // What it is answered comes after the order to reload.
                tree.send(GetStatus).await.unwrap();
                std::fs::write(authority.file.path(), "nothing any more").unwrap();
            };
            let (reloaded, ()) = tokio::join!(reload, replaced);
            reloaded.unwrap().expect("it was accepted");
            rig.sandbox.clear_fault(slow);
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

/// A certificate is refused in these words.
async fn refused(tree: &Addr<SupervisorActor>, told: &str) {
    let report = report(tree, |report| report.failing.is_some()).await;
    let failure = report.failing.unwrap().failure;
    assert_eq!(failure.class, FailureClass::Tls, "{failure}");
    assert!(failure.to_string().contains(told), "{failure}");
    assert!(failure.to_string().contains("tls.ca_file"), "{failure}");
}

/// A certificate, of an authority that is known or not, is refused: by those who ask Kraken and
/// Google, and by those who ask for a token, who speak another HTTP.
fn refuses(known: bool, told: &str, certificate: impl Fn(&Authority) -> TlsAcceptor) {
    block_on(async {
        let authority = Authority::new();
        let trusted = known.then_some(&authority);
        let rig = Rig::new();
        let front = Front::new(&rig, certificate(&authority)).await;
        with_tree(config(&rig, &front.url, trusted), async |tree| refused(tree, told).await).await;
        assert_eq!(rig.sandbox.count(Service::Kraken) + rig.sandbox.count(Service::Sheets), 0);

        let rig = Rig::new();
        let front = Front::new(&rig, certificate(&authority)).await;
        rig.set_token_endpoint(&front.url);
        with_tree(token_config(&rig, trusted), async |tree| refused(tree, told).await).await;
        assert_eq!(rig.sandbox.count(Service::Token) + rig.sandbox.count(Service::Sheets), 0);
    });
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    refuses(false, "UnknownIssuer", |authority| authority.certified("localhost", false));
}

#[test]
fn a_certificate_that_signs_itself_is_not_trusted() {
    refuses(true, "UnknownIssuer", |_| self_signed());
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    refuses(true, "not valid for name", |authority| authority.certified("example.com", false));
}

#[test]
fn a_certificate_that_is_out_of_date_is_not_trusted() {
    refuses(true, "expired", |authority| authority.certified("localhost", true));
}

/// What a person may write or set, as the schema and the command tell of it, is whom to trust
/// beside the usual authorities, and nothing that trusts everybody.
#[test]
fn nothing_switches_verification_off() {
    let said = |arguments: &[&str]| {
        let output = finish(ratesheet(arguments));
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().to_ascii_lowercase()
    };
    let schema: serde_json::Value = serde_json::from_str(&said(&["schema"])).unwrap();
    let tls = schema["properties"]["tls"]["properties"].as_object().unwrap();
    assert_eq!(tls.keys().collect::<Vec<_>>(), ["ca_file"]);
    let mut all = vec![schema.to_string()];
    for command in ["--help", "run --help", "once --help", "check --help", "init --help"] {
        all.push(said(&command.split(' ').collect::<Vec<_>>()));
    }
    for text in all {
        assert!(text.len() > 500, "{text}");
        for switch in ["insecure", "verif", "danger", "unsafe", "skip", "invalid", "accept"] {
            assert!(!text.contains(switch), "{switch} in {text}");
        }
    }
}

/// Nobody is led out of TLS by a redirect, least of all with a token.
#[test]
fn a_redirect_to_a_host_without_tls_is_not_followed() {
    block_on(async {
        let (rig, authority, other) = (Rig::new(), Authority::new(), Sandbox::start().unwrap());
        let front = Front::new(&rig, authority.certified("localhost", false)).await;
        with_tree(config(&rig, &front.url, Some(&authority)), async |_| {
            for service in [Service::Kraken, Service::Sheets] {
                rig.fresh(&[(ONE, "A1")]).await;
                let before = rig.sandbox.count(service);
                let to = format!("{}/token", other.url());
                let id = rig.sandbox.fault(service, Fault::Redirect { code: 307, to });
                let three = |s: &Sandbox| s.count(service) >= before + 3;
                rig.until("three requests that are led astray", three).await;
                rig.sandbox.clear_fault(id);
            }
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
        assert!(other.journal().is_empty(), "{:?}", other.journal());
    });
}

#[test]
fn when_the_certificate_is_renewed_all_goes_on() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let front = Front::new(&rig, authority.certified("localhost", true)).await;
        rig.set_token_endpoint(&front.url);
        // The sandbox gives tokens to whoever asks for them under its own address alone.
        let token = rig.sandbox.access_token();
        let token = format!(r#"{{ "access_token": "{token}", "expires_in": 3599 }}"#);
        rig.sandbox.fault(Service::Token, Fault::json(200, token));
        with_tree(config(&rig, &front.url, Some(&authority)), async |tree| {
            refused(tree, "expired").await;
            front.show(authority.certified("localhost", false));
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(rig.sandbox.count(Service::Token) > 0);
        })
        .await;
    });
}

/// A server that says something else than TLS to whoever comes, as a URL.
async fn says(bytes: &'static [u8]) -> String {
    use tokio::io::AsyncWriteExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(bytes).await.unwrap_or_default(); // it may have hung up
            if !bytes.is_empty() {
                // Whoever hangs up on what he has not read takes back what he has said.
                drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
            }
        }
    });
    format!("localhost:{port}")
}

/// The answer to a greeting, in TLS 1.0 or 1.1: a cipher of theirs, no session, no compression.
const fn server_hello(minor: u8) -> [u8; 47] {
    let mut hello = [0x5a; 47];
    let head = [0x16, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    [hello[43], hello[44], hello[45], hello[46]] = [0, 0x00, 0x2f, 0];
    hello
}

const TLS_1_0: [u8; 47] = server_hello(1);
const TLS_1_1: [u8; 47] = server_hello(2);

/// Neither side of a connection that speaks past the other is written to, and each says so.
#[test]
fn who_speaks_no_tls_or_nothing_else_is_named() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let inside = rig.sandbox.address();
        let tls = Front::new(&rig, authority.certified("localhost", false)).await.url;
        for (url, told) in [
            (format!("https://{}", says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await), "TLS"),
            (format!("https://{}", says(&[0x16; 64]).await), "TLS"),
            (format!("https://{}", says(&TLS_1_0).await), "TLS"),
            (format!("https://{}", says(&TLS_1_1).await), "TLS"),
            (format!("https://{inside}"), "TLS"),
            (format!("https://{}", says(b"").await), "cannot connect"),
            (tls.replace("https", "http"), "broke"),
        ] {
            with_tree(config(&rig, &url, Some(&authority)), async |supervisor| {
                let report = report(supervisor, |report| report.failing.is_some()).await;
                let failure = report.failing.unwrap().failure;
                assert_eq!(failure.class, FailureClass::Transient, "{url}: {failure}");
                assert!(failure.to_string().contains(told), "{url}: {failure}");
            })
            .await;
        }
        assert_eq!(rig.sandbox.count(Service::Kraken) + rig.sandbox.count(Service::Sheets), 0);
    });
}
