//! Whom a tree trusts, and what it speaks to them over.
//! Touches: the file of certificate authorities.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use slog::{Discard, Logger, o};

use crate::{
    dial::Dialer,
    file::{read_regular, reading_remedy},
    tree::{ConfigError, Found, Refusal, Said, Section},
};

/// The largest file of certificate authorities; a whole system's has some 250 KB.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Which certificate authorities are trusted: section `tls` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A PEM file with certificate authorities that are trusted beside the compiled-in ones.
    pub ca_file: Option<PathBuf>,
    said: Said,
}

impl TlsConfig {
    /// Whether the certificate authorities can be read, before anybody needs them; `name` is the
    /// configuration's.
    ///
    /// # Errors
    /// When they cannot: the error tells where their file is named, and what to do.
    pub fn check(&self, name: &str) -> Result<(), ConfigError> {
        let refused = |why: TlsError| self.said.refused(name, "tls.ca_file", why.into());
        Tls::new(self).map(drop).map_err(refused)
    }

    /// Reads the section `tls`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let said = section.values("ca_file").last().map(Found::said).unwrap_or_default();
        Self { ca_file: section.path("ca_file"), said }
    }
}

/// Why there are no certificate authorities to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    #[error("tls.ca_file {path:?} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("tls.ca_file {0:?} is empty")]
    Empty(PathBuf),
    /// The file has no certificate in it.
    #[error("tls.ca_file {0:?} holds no certificate; it must be PEM: -----BEGIN CERTIFICATE-----")]
    NoCertificate(PathBuf),
    /// The file has a certificate in it that is broken, or of a kind that is not supported.
    #[error(
        "tls.ca_file {path:?} holds a certificate that cannot be used, number {number} from the \
         top; replace it, or take it out"
    )]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Which of its certificates it is, from 1.
        number: usize,
    },
    /// rustls or awc could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// As a mistake of whoever named the file.
impl From<TlsError> for Refusal {
    fn from(why: TlsError) -> Self {
        const PEM: &str = "a PEM file has -----BEGIN CERTIFICATE----- in it; `openssl x509 -inform \
                           der -in FILE` makes one of a certificate in DER";
        let (found, help) = match &why {
            TlsError::Unreadable { path, source } => {
                (format!("{path:?}, which cannot be read: {source}"), reading_remedy(path, source))
            }
            TlsError::Empty(path) => (format!("{path:?}, which is empty"), PEM),
            TlsError::NoCertificate(path) => (format!("{path:?}, which holds no certificate"), PEM),
            TlsError::BadCertificate { path, number } => (
                format!("{path:?}, whose certificate number {number} from the top cannot be used"),
                "replace it, or take it out",
            ),
            TlsError::Setup(_) => (why.to_string(), ""),
        };
        let refusal = Self::new("a PEM file of certificate authorities").found(found);
        if help.is_empty() { refusal } else { refusal.help(help) }
    }
}

/// The one TLS configuration of a tree, for awc and for yup-oauth2's client alike, and what it is
/// spoken over. It names its crypto provider (ring) and asks nothing of the process, so it
/// disturbs no host application.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<rustls::ClientConfig>,
    dialer: Option<Dialer>,
    log: Logger,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, TlsError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = &config.ca_file {
            add_authorities(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| TlsError::Setup(cause.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(client), dialer: None, log: Logger::root(Discard, o!()) })
    }

    /// The same, and each request is told to `log`.
    pub(crate) fn told_to(self, log: Logger) -> Self {
        Self { log, ..self }
    }

    /// Whom each request is told to; nobody, unless somebody is named.
    pub(crate) const fn log(&self) -> &Logger {
        &self.log
    }

    /// The same over connections that `dialer` makes, if there is one, and TCP otherwise.
    pub(crate) fn over(self, dialer: Option<Dialer>) -> Self {
        Self { dialer, ..self }
    }

    /// Who makes the connections, if it is not TCP.
    pub(crate) fn dialer(&self) -> Option<Dialer> {
        self.dialer.clone()
    }

    /// The configuration without a protocol chosen, as hyper-rustls wants it.
    pub(crate) fn for_hyper(&self) -> rustls::ClientConfig {
        (*self.config).clone()
    }

    /// The configuration as awc is to have it.
    pub(super) fn for_awc(&self) -> Arc<rustls::ClientConfig> {
        let mut config = (*self.config).clone();
        // Never h2: awc still needs h2 0.3, which has a known weakness and no successor.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn add_authorities(roots: &mut rustls::RootCertStore, path: &Path) -> Result<(), TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.into(), source };
    let pem = read_regular(path, MOST_BYTES).map_err(unreadable)?;
    if pem.trim_ascii().is_empty() {
        return Err(TlsError::Empty(path.into()));
    }
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        found += 1;
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(|| TlsError::BadCertificate { path: path.into(), number: found })?;
    }
    if found > 0 { Ok(()) } else { Err(TlsError::NoCertificate(path.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a file of authorities.
    fn told(path: &Path) -> String {
        let config = TlsConfig { ca_file: Some(path.into()), ..TlsConfig::default() };
        let text = Tls::new(&config).err().unwrap().to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        text
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(told(file.path()).contains("is empty"));
        std::fs::write(file.path(), "authority").unwrap();
        assert!(told(file.path()).contains("no certificate; it must be PEM"));
        assert!(told(Path::new("/nonexistent/ca.pem")).contains("No such file"));
    }

    #[test]
    fn a_file_that_never_ends_is_not_read() {
        assert!(told(Path::new("/dev/zero")).contains("no regular file but a pipe"));
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_told_by_its_number() {
        let good = rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap().cert.pem();
        let whole = format!("{good}# A remark.\n{good}");
        let no_base64 = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bad in [no_base64, no_certificate, "-----BEGIN CERTIFICATE-----\nMIIB"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), format!("{whole}{bad}")).unwrap();
            let told = told(file.path());
            assert!(told.contains("cannot be used, number 3 from the top"), "{told}");
        }
    }
}
