//! Whom it trusts: a private authority that it is told of, and nobody whose certificate is
//! unknown, of another name, or out of date.

use std::sync::{Arc, Mutex};

use actix::Addr;
use ratesheet::{
    Config, FailureClass, SupervisorActor,
    sandbox::{Fault, Service},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
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

use crate::rig::{ONE, Rig, block_on, one_price, report, with_tree};

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
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
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

/// A certificate is refused in these words.
async fn refused(tree: &Addr<SupervisorActor>, told: &str) {
    let report = report(tree, |report| report.failing.is_some()).await;
    let failure = report.failing.unwrap().failure;
    assert_eq!(failure.class, FailureClass::Tls, "{failure}");
    assert!(failure.to_string().contains(told), "{failure}");
    assert!(failure.to_string().contains("tls.ca_file"), "{failure}");
}

/// A certificate for `name`, expired or not, of an authority that is known or not, is refused: by
/// those who ask Kraken and Google, and by those who ask for a token, who speak another HTTP.
fn refuses(name: &str, expired: bool, known: bool, told: &str) {
    block_on(async {
        let authority = Authority::new();
        let trusted = known.then_some(&authority);
        let rig = Rig::new();
        let front = Front::new(&rig, authority.certified(name, expired)).await;
        with_tree(config(&rig, &front.url, trusted), async |tree| refused(tree, told).await).await;
        assert_eq!(rig.sandbox.count(Service::Kraken) + rig.sandbox.count(Service::Sheets), 0);

        let rig = Rig::new();
        let front = Front::new(&rig, authority.certified(name, expired)).await;
        rig.set_token_endpoint(&front.url);
        with_tree(token_config(&rig, trusted), async |tree| refused(tree, told).await).await;
        assert_eq!(rig.sandbox.count(Service::Token) + rig.sandbox.count(Service::Sheets), 0);
    });
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    refuses("localhost", false, false, "UnknownIssuer");
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    refuses("example.com", false, true, "not valid for name");
}

#[test]
fn a_certificate_that_is_out_of_date_is_not_trusted() {
    refuses("localhost", true, true, "expired");
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
        }
    });
    format!("localhost:{port}")
}

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
