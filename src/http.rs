//! awc's one way out.

use std::path::PathBuf;

use crate::tree::Section;

/// Which certificate authorities are trusted: section `tls` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A PEM file with certificate authorities that are trusted beside the compiled-in ones.
    pub ca_file: Option<PathBuf>,
}

impl TlsConfig {
    /// Reads the section `tls`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        Self { ca_file: section.path("ca_file") }
    }
}
