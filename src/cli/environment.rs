//! What the environment says, as far as it is configuration. Touches: the environment.

use std::{collections::HashMap, ffi::OsString, fmt, path::PathBuf};

use ::config::Source as _;
use ratesheet::{Credentials, MetadataServer, Overlays};

const PREFIX: &str = "RATESHEET";

/// Another name of `RATESHEET__CREDENTIALS`. By the convention of containers `X_FILE` names a file
/// in which X's value stands; but this value is itself the name of a file, and nobody who writes
/// `…_FILE=/run/secrets/key.json` has another path in that file.
const CREDENTIALS_FILE: &str = "RATESHEET__CREDENTIALS_FILE";

/// What the environment says, as far as it is configuration.
#[derive(Clone, Default)]
pub(super) struct Environment {
    variables: HashMap<String, String>,
    unreadable: Vec<String>,
    google_credentials: Option<PathBuf>,
    metadata_host: Option<String>,
    proxy: Option<String>,
}

/// Names alone: what they say may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// The environment of this process.
    pub(super) fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// An environment of these variables.
    pub(super) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let upper = name.to_ascii_uppercase();
            if upper.starts_with("RATESHEET__") {
                match value.into_string() {
                    Ok(value) => drop(environment.variables.insert(name.into(), value)),
                    Err(_) => environment.unreadable.push(name.into()),
                }
            } else if name == "GOOGLE_APPLICATION_CREDENTIALS" && !value.is_empty() {
                environment.google_credentials = Some(value.into());
            } else if name == "GCE_METADATA_HOST" && !value.is_empty() {
                environment.metadata_host = Some(value.to_string_lossy().into_owned());
            } else if ["HTTPS_PROXY", "ALL_PROXY"].contains(&upper.as_str()) && !value.is_empty() {
                environment.proxy = Some(name.into());
            }
        }
        environment.unreadable.sort();
        environment
    }

    /// What it says of the configuration, to lie over the file's.
    pub(super) fn overlays(&self) -> Result<Overlays, InvalidVariable> {
        if let Some(name) = self.unreadable.first() {
            return Err(InvalidVariable::NoText(name.clone()));
        }
        self.credentials_once()?;
        let source = ::config::Environment::with_prefix(PREFIX)
            .separator("__")
            .source(Some(self.variables.clone()));
        let collected = source.collect().map_err(|_| InvalidVariable::NoText(PREFIX.into()))?;
        let mut values: Vec<_> = collected.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut overlays = Overlays::new();
        for (path, value) in values {
            let origin = self.name_of(&path);
            let path = if path == "credentials_file" { "credentials".to_owned() } else { path };
            let text = value.into_string().map_err(|_| InvalidVariable::NoText(origin.clone()))?;
            overlays.set(path, text, origin);
        }
        Ok(overlays)
    }

    /// Both names of the credentials at once would leave it open which of them counts.
    fn credentials_once(&self) -> Result<(), InvalidVariable> {
        let named = |wanted: &str| {
            self.variables.keys().find(|name| name.eq_ignore_ascii_case(wanted)).cloned()
        };
        match (named("RATESHEET__CREDENTIALS"), named(CREDENTIALS_FILE)) {
            (Some(one), Some(other)) => Err(InvalidVariable::Twice(one, other)),
            _ => Ok(()),
        }
    }

    /// The credentials that Google's own variable names, in case nothing of ours does.
    pub(super) fn google_credentials(&self) -> Option<Credentials> {
        self.google_credentials.clone().map(Credentials::File)
    }

    /// The variable that names a proxy, if one does.
    pub(super) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// What it says of these sections of the configuration, and nothing else.
    pub(super) fn of_sections(&self, sections: &[&str]) -> Self {
        let wanted = |name: &String| {
            let name = name.to_ascii_uppercase();
            let named = |section| name.starts_with(&format!("{PREFIX}__{section}__"));
            sections.iter().any(named)
        };
        let variables = self.variables.iter().filter(|(name, _)| wanted(name));
        Self {
            variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
            unreadable: self.unreadable.iter().filter(|name| wanted(name)).cloned().collect(),
            ..self.clone()
        }
    }

    /// Where the metadata server is, if the environment says so.
    pub(super) fn metadata_server(&self) -> Result<Option<MetadataServer>, InvalidVariable> {
        let Some(host) = &self.metadata_host else { return Ok(None) };
        let server = MetadataServer::at(host);
        server.map(Some).ok_or_else(|| InvalidVariable::MetadataHost(host.clone()))
    }

    /// The variable that says where the probes answer, and its value.
    pub(super) fn listen(&self) -> Option<(&str, &str)> {
        let wanted = |name: &str| name.eq_ignore_ascii_case("RATESHEET__STATUS__LISTEN");
        let found = self.variables.iter().find(|(name, _)| wanted(name));
        found.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The variable of a path, as somebody wrote it.
    fn name_of(&self, path: &str) -> String {
        let name = format!("{PREFIX}__{}", path.replace('.', "__"));
        let written = self.variables.keys().find(|written| written.eq_ignore_ascii_case(&name));
        written.cloned().unwrap_or_else(|| name.to_uppercase())
    }
}

/// Why a variable cannot be heeded.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidVariable {
    /// It is no text.
    #[error("{}: error: found a value that is no UTF-8", .0.escape_debug())]
    NoText(String),
    /// Another one says the same thing.
    #[error("{1}: error: found it beside {0}; expected one of them")]
    Twice(String, String),
    /// `GCE_METADATA_HOST` is no host.
    #[error(
        "GCE_METADATA_HOST: error: found {0:?}; expected a host, perhaps with a port, such as \
         \"metadata.google.internal\""
    )]
    MetadataHost(String),
}
