//! Whom it trusts: a private authority that it is told of, and nobody whose certificate is
//! unknown, of another name, or out of date.

use std::{net::SocketAddr, sync::Arc};

use ratesheet::{Config, FailureClass, sandbox::Service};
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

    /// A server that passes on to the sandbox whatever it is told under a certificate for `name`.
    async fn front(&self, sandbox: SocketAddr, name: &str, expired: bool) -> String {
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
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                actix_rt::spawn(async move {
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    let mut outside = TcpStream::connect(sandbox).await.unwrap();
                    let copied = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                    copied.map(drop).unwrap_or_default(); // either side may hang up
                });
            }
        });
        format!("https://localhost:{port}")
    }
}

fn config(rig: &Rig, url: &str, authority: Option<&Authority>) -> Config {
    let mut config = rig.config().sheet(one_price(ONE));
    config.kraken.url = url.into();
    config.google.url = url.into();
    config.tls.ca_file = authority.map(|authority| authority.file.path().into());
    config
}

#[test]
fn an_authority_that_it_is_told_of_is_trusted() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let url = authority.front(rig.sandbox.address(), "localhost", false).await;
        with_tree(config(&rig, &url, Some(&authority)), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

/// Nothing reaches the server, and the reason is told.
async fn refuses(rig: &Rig, config: Config, told: &str) {
    with_tree(config, async |supervisor| {
        // Google is asked for nothing before it is trusted; the token's endpoint is another.
        let report = report(supervisor, |report| report.failing.is_some()).await;
        let failure = report.failing.unwrap().failure;
        assert_eq!(failure.class, FailureClass::Tls, "{failure}");
        assert!(failure.to_string().contains(told), "{failure}");
        assert!(failure.to_string().contains("tls.ca_file"), "{failure}");
    })
    .await;
    assert_eq!(rig.sandbox.count(Service::Kraken) + rig.sandbox.count(Service::Sheets), 0);
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let url = authority.front(rig.sandbox.address(), "localhost", false).await;
        refuses(&rig, config(&rig, &url, None), "UnknownIssuer").await;
    });
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let url = authority.front(rig.sandbox.address(), "example.com", false).await;
        refuses(&rig, config(&rig, &url, Some(&authority)), "not valid for name").await;
    });
}

#[test]
fn a_certificate_that_is_out_of_date_is_not_trusted() {
    block_on(async {
        let (rig, authority) = (Rig::new(), Authority::new());
        let url = authority.front(rig.sandbox.address(), "localhost", true).await;
        refuses(&rig, config(&rig, &url, Some(&authority)), "expired").await;
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
        let tls = authority.front(inside, "localhost", false).await;
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
