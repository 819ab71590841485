//! In whose name spreadsheets are written, and where that is proved. Pure: no I/O, no clock, no
//! randomness.

use std::path::{Path, PathBuf};

use http::uri::Authority;

use super::key::ServiceAccountKey;

/// In whose name spreadsheets are written.
///
/// A text is read as in the configuration: `"metadata"` is Google's metadata server, and anything
/// else is the path of a key. A [`Path`] is always that of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// A service account's key in a file, which is read whenever a token is needed: it may be
    /// replaced meanwhile.
    File(PathBuf),
    /// A service account's key in memory.
    Key(ServiceAccountKey),
    /// No key: the identity that Google gives to the machine, the container or the pod.
    Metadata(MetadataServer),
}

impl Credentials {
    /// What the configuration says for the metadata server.
    pub const METADATA: &'static str = "metadata";

    /// The key's file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Key(_) | Self::Metadata(_) => None,
        }
    }
}

impl From<&str> for Credentials {
    fn from(text: &str) -> Self {
        if text == Self::METADATA {
            return Self::Metadata(MetadataServer::default());
        }
        Self::File(text.into())
    }
}

impl From<String> for Credentials {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Path> for Credentials {
    fn from(file: &Path) -> Self {
        Self::File(file.into())
    }
}

impl From<&PathBuf> for Credentials {
    fn from(file: &PathBuf) -> Self {
        Self::File(file.clone())
    }
}

impl From<PathBuf> for Credentials {
    fn from(file: PathBuf) -> Self {
        Self::File(file)
    }
}

impl From<ServiceAccountKey> for Credentials {
    fn from(key: ServiceAccountKey) -> Self {
        Self::Key(key)
    }
}

impl From<MetadataServer> for Credentials {
    fn from(server: MetadataServer) -> Self {
        Self::Metadata(server)
    }
}

/// Where Google's metadata server is: `metadata.google.internal`, unless somebody says otherwise.
///
/// It is asked by plain http, since it is part of the machine; it is sent nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataServer(String);

impl Default for MetadataServer {
    fn default() -> Self {
        Self("metadata.google.internal".into())
    }
}

impl MetadataServer {
    /// The one at this host, perhaps with a port, as `GCE_METADATA_HOST` names it; `None` when it
    /// is neither.
    pub fn at(host: &str) -> Option<Self> {
        let authority: Authority = host.parse().ok()?;
        let plain = !host.contains('@') && !authority.host().is_empty();
        plain.then(|| Self(authority.as_str().to_owned()))
    }

    /// Its host, and its port if there is one.
    pub fn host(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_the_metadata_server_and_everything_else_a_file() {
        assert_eq!(Credentials::from("metadata"), MetadataServer::default().into());
        for path in ["./metadata", "metadata.json", "Metadata", "key.json"] {
            assert_eq!(Credentials::from(path).file(), Some(Path::new(path)));
        }
        assert_eq!(Credentials::from(Path::new("metadata")).file(), Some(Path::new("metadata")));
    }

    #[test]
    fn a_metadata_server_is_a_host_and_nothing_else() {
        for host in ["metadata.google.internal", "127.0.0.1:8080", "[fd20:ce::254]:80", "metadata"]
        {
            assert_eq!(MetadataServer::at(host).unwrap().host(), host);
        }
        for text in ["", "http://metadata", "metadata/computeMetadata", "a b", "x@metadata", ":80"]
        {
            assert_eq!(MetadataServer::at(text), None, "{text}");
        }
    }
}
