//! Why an actor, or an account, cannot be set up by itself. Pure: no I/O, no clock, no randomness.

use crate::{
    http::TlsError,
    tree::{ConfigError, Mistakes},
};

/// Why something cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// What it was given is not well formed: the error tells all of it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is nobody to trust.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Whether what an actor was given is well formed, by what `note` has to say of it.
pub(crate) fn checked(note: impl FnOnce(&mut Mistakes)) -> Result<(), ConfigError> {
    let mut mistakes = Mistakes::default();
    note(&mut mistakes);
    mistakes.into_result("configuration")
}
