//! What the environment says, as far as it is configuration. Touches: the environment; whether a
//! file that it names is there.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use ::config::Source as _;
use ratesheet::{Config, ConfigError, Credentials, MetadataServer, Overlays};

const PREFIX: &str = "RATESHEET";

const CREDENTIALS: &str = "RATESHEET__CREDENTIALS";

/// Google's own.
const GOOGLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Another name of the same. By the convention of containers `X_FILE` names a file
/// in which X's value stands; but this value is itself the name of a file, and nobody who writes
/// `…_FILE=/run/secrets/key.json` has another path in that file.
const CREDENTIALS_FILE: &str = "RATESHEET__CREDENTIALS_FILE";

/// What the environment says, as far as it is configuration.
#[derive(Clone, Default)]
pub(super) struct Environment {
    /// By their names in capitals, of which there is one each: how somebody wrote the name, and
    /// the value.
    variables: BTreeMap<String, (String, String)>,
    /// Two names of one variable.
    twice: Vec<(String, String)>,
    unreadable: Vec<String>,
    google_credentials: Option<PathBuf>,
    metadata_host: Option<String>,
    proxy: Option<String>,
    /// Variables that begin like ours, and are none: Kubernetes makes such of any service that is
    /// called like this, and so do people who write one `_` for two. And those that are nearly
    /// Google's.
    alike: Vec<String>,
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
            // A '.' would pass for a "__" below, and be a second name of the same.
            if upper.starts_with("RATESHEET__") && !upper.contains('.') {
                match value.into_string() {
                    Ok(value) => environment.set(upper, name.into(), value),
                    Err(_) => environment.unreadable.push(name.into()),
                }
            } else if upper.starts_with("RATESHEET_") {
                environment.alike.push(name.into());
            } else if name == GOOGLE && !value.is_empty() {
                environment.google_credentials = Some(value.into());
            } else if name != GOOGLE && strsim::damerau_levenshtein(&upper, GOOGLE) <= 2 {
                environment.alike.push(name.into());
            } else if name == "GCE_METADATA_HOST" && !value.is_empty() {
                environment.metadata_host = Some(value.to_string_lossy().into_owned());
            } else if ["HTTPS_PROXY", "ALL_PROXY"].contains(&upper.as_str()) && !value.is_empty() {
                environment.proxy = Some(name.into());
            }
        }
        environment.unreadable.sort();
        environment.twice.sort();
        environment.alike.sort();
        environment
    }

    /// Takes in a variable. Two of one name would leave it open which of them counts.
    fn set(&mut self, upper: String, name: String, value: String) {
        let key = if upper == CREDENTIALS_FILE { CREDENTIALS.into() } else { upper };
        if let Some((other, _)) = self.variables.insert(key, (name.clone(), value)) {
            self.twice.push(if other < name { (other, name) } else { (name, other) });
        }
    }

    /// What it says of the configuration, to lie over the file's.
    pub(super) fn overlays(&self) -> Result<Overlays, InvalidVariable> {
        if let Some(name) = self.unreadable.first() {
            return Err(InvalidVariable::NoText(name.clone()));
        }
        if let Some((one, other)) = self.twice.first() {
            return Err(InvalidVariable::Twice(one.clone(), other.clone()));
        }
        let variables = self.variables.iter();
        let variables = variables.map(|(name, (_, value))| (name.clone(), value.clone()));
        let source = ::config::Environment::with_prefix(PREFIX)
            .separator("__")
            .source(Some(variables.collect()));
        let collected = source.collect().map_err(|_| InvalidVariable::NoText(PREFIX.into()))?;
        let mut values: Vec<_> = collected.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut overlays = Overlays::new();
        for (path, value) in values {
            let origin = self.name_of(&path);
            let text = value.into_string().map_err(|_| InvalidVariable::NoText(origin.clone()))?;
            overlays.set(path, text, origin);
        }
        Ok(overlays)
    }

    /// The credentials that Google's own variable names, in case nothing of ours does. It must be
    /// a path, as ours must: it may be the key itself.
    pub(super) fn google_credentials(&self) -> Result<Option<Credentials>, ConfigError> {
        let Some(path) = &self.google_credentials else { return Ok(None) };
        let Some(text) = path.to_str() else { return Ok(Some(Credentials::File(path.clone()))) };
        let mut overlays = Overlays::new();
        overlays.set("credentials", text, GOOGLE).files(Path::is_file);
        let read = Config::from_json("", b"{ \"sheets\": [] }", &overlays);
        read.map(|_| Some(Credentials::File(path.clone())))
    }

    /// What is set and not heeded, although it is perhaps meant to be: sentences for a person.
    pub(super) fn unheeded(&self) -> Vec<String> {
        let proxy = self.proxy.iter().map(|proxy| {
            format!("{proxy} is set; proxies are not supported, and it is not heeded.")
        });
        let alike = self.alike.iter().filter_map(|name| {
            let bare = name.strip_suffix("_FILE").unwrap_or(name);
            let meant = match name.starts_with(['g', 'G']) {
                true => GOOGLE.into(),
                false => Config::variable_meant(name).or_else(|| Config::variable_meant(bare))?,
            };
            Some(format!("{name} is set, and is not heeded: did you mean {meant}?"))
        });
        proxy.chain(alike).collect()
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
            variables: variables.map(|(name, said)| (name.clone(), said.clone())).collect(),
            twice: self.twice.iter().filter(|(name, _)| wanted(name)).cloned().collect(),
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
        let found = self.variables.get("RATESHEET__STATUS__LISTEN");
        found.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The variable of a path, as somebody wrote it.
    fn name_of(&self, path: &str) -> String {
        let name = format!("{PREFIX}__{}", path.replace('.', "__")).to_ascii_uppercase();
        self.variables.get(&name).map_or(name, |(written, _)| written.clone())
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
