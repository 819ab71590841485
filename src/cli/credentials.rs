//! In whose name a configuration has sheets written, looked at before anything begins: `run`,
//! `once` and `check` say the same of it. Touches: the key's file. Never: the network.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use ratesheet::{Config, Credentials, InvalidKey, ServiceAccountKey, read_regular, reading_remedy};

use super::exit::Exit;

/// In whose name, as far as that is known without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// The account with this address.
    Account(String),
    /// The one that Google has given to this machine.
    Machine,
    /// Nobody's: there is nothing to write.
    Nobody,
}

/// Why nothing can be written.
#[derive(Debug)]
pub(super) enum Unusable {
    /// There are sheets, and no credentials.
    Missing,
    /// The key's file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The key's file is something else.
    Invalid(PathBuf, InvalidKey),
}

impl Unusable {
    /// How the command ends.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Missing => Exit::Config,
            Self::Unreadable(..) | Self::Invalid(..) => Exit::Credentials,
        }
    }

    /// What is wrong: a clause without a full stop; and what to do: a sentence without one, or
    /// nothing.
    pub(super) fn words(&self) -> (String, &'static str) {
        let name = |path: &Path| path.display().to_string().escape_debug().to_string();
        match self {
            Self::Missing => (
                "There are no credentials".into(),
                "Name a service account's key by \"credentials\" in the file, by --credentials, or \
                 by GOOGLE_APPLICATION_CREDENTIALS; on Google Cloud, \"metadata\" in its place needs \
                 none",
            ),
            Self::Unreadable(path, why) => {
                let reason = format!("{}: error: the key cannot be read: {why}", name(path));
                (reason, metadata_meant(path, why).unwrap_or_else(|| reading_remedy(path, why)))
            }
            Self::Invalid(path, why) => (format!("{}: error: {why}", name(path)), why.remedy()),
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, remedy) = self.words();
        f.write_str(&reason)?;
        if remedy.is_empty() { Ok(()) } else { write!(f, "\n  help: {remedy}") }
    }
}

impl std::error::Error for Unusable {}

/// In whose name a configuration has its sheets written.
///
/// # Errors
/// When nothing can be written with it: the service would not start.
pub(super) fn identity(config: &Config) -> Result<Identity, Unusable> {
    match &config.credentials {
        Some(Credentials::File(path)) => {
            read_key(path).map(|key| Identity::Account(key.client_email().to_owned()))
        }
        Some(Credentials::Key(key)) => Ok(Identity::Account(key.client_email().to_owned())),
        Some(_) => Ok(Identity::Machine),
        None if config.sheets.is_empty() => Ok(Identity::Nobody),
        None => Err(Unusable::Missing),
    }
}

/// What to do when the word for Google's metadata server is taken for a file that is not there:
/// it is misspelt, or Google's own variable says it, which names files alone.
fn metadata_meant(path: &Path, why: &io::Error) -> Option<&'static str> {
    let word: String = path.to_str()?.chars().filter(char::is_ascii_alphabetic).collect();
    let is_meant = strsim::damerau_levenshtein(&word.to_lowercase(), Credentials::METADATA) <= 2
        && why.kind() == io::ErrorKind::NotFound
        && path.components().count() == 1;
    is_meant.then_some(
        "Did you mean \"credentials\": \"metadata\", the identity that Google gives its machines?",
    )
}

fn read_key(path: &Path) -> Result<ServiceAccountKey, Unusable> {
    let bytes = read_regular(path, ServiceAccountKey::MOST_BYTES)
        .map_err(|why| Unusable::Unreadable(path.into(), why))?;
    ServiceAccountKey::from_json(&bytes).map_err(|why| Unusable::Invalid(path.into(), why))
}

/// A warning if everybody on this machine can read the key.
pub(super) fn warning(config: &Config) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = config.credentials.as_ref()?.file()?;
        let mode = fs::metadata(path).ok()?.permissions().mode();
        if mode & 0o004 != 0 {
            let name = path.display().to_string().escape_debug().to_string();
            return Some(format!(
                "{name} can be read by everybody on this machine (mode {:03o}): chmod 600.",
                mode & 0o777
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ratesheet::{MetadataServer, SheetConfig};

    use super::*;

    fn config(credentials: impl Into<Credentials>) -> Config {
        let sheet = SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "Sheet 1");
        Config::new().sheet(sheet).credentials(credentials)
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_everybody_can_read_is_warned_of() {
        use std::os::unix::fs::PermissionsExt as _;
        let key = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(key.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(warning(&config(key.path())).unwrap().contains("mode 644"));
        fs::set_permissions(key.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(warning(&config(key.path())), None);
        assert_eq!(warning(&config(MetadataServer::default())), None);
    }

    #[test]
    fn what_cannot_be_used_says_why_and_how_the_command_ends() {
        let key = tempfile::NamedTempFile::new().unwrap();
        fs::write(key.path(), "{}").unwrap();
        let mut none = config(key.path());
        none.credentials = None;
        for (config, exit, words) in [
            (
                &config(key.path()),
                Exit::Credentials,
                "lacks its \"private_key\"\n  help: A service",
            ),
            (&config("/does/not/exist"), Exit::Credentials, "the key cannot be read: No such file"),
            (&config("~/key.json"), Exit::Credentials, "\n  help: Neither ~ nor a variable"),
            (&config("Metadata"), Exit::Credentials, "help: Did you mean \"credentials\": \"met"),
            (&config("meta-data"), Exit::Credentials, "help: Did you mean \"credentials\": \"met"),
            (&config("a/metadata"), Exit::Credentials, "help: The path leads from the folder"),
            (&config("/"), Exit::Credentials, "but a directory\n  help: Name the file in it."),
            (
                &none,
                Exit::Config,
                "There are no credentials\n  help: Name a service account's key by \"cred",
            ),
        ] {
            let error = identity(config).unwrap_err();
            assert_eq!(error.exit(), exit);
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!(identity(&config("metadata")).unwrap(), Identity::Machine);
        assert_eq!(identity(&Config::new()).unwrap(), Identity::Nobody);
    }
}
