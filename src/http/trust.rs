//! Whether those can be read whom the configuration trusts. Touches: the file of certificate
//! authorities.

use super::{Tls, TlsConfig, TlsError};

impl TlsConfig {
    /// Whether the certificate authorities can be read, before anybody needs them.
    ///
    /// # Errors
    /// When they cannot.
    pub fn check(&self) -> Result<(), TlsError> {
        Tls::new(self).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = TlsConfig { ca_file: Some(file.path().into()) };
        assert!(matches!(config.check(), Err(TlsError::NoCertificate(_))));
        assert!(TlsConfig::default().check().is_ok());
        let config = TlsConfig { ca_file: Some("/nonexistent/ca.pem".into()) };
        let text = config.check().unwrap_err().to_string();
        assert!(text.contains("/nonexistent/ca.pem"), "{text}");
    }
}
