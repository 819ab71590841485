//! The layers of the configuration: file, environment, flags. Touches: the environment, the
//! configuration's file or standard input, the key's file. Never: the network.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt, fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use ::config::Source as _;
use ratesheet::{Config, ConfigError, InvalidKey, Overlays, ServiceAccountKey};

const PREFIX: &str = "RATESHEET";

/// Where a configuration is looked for that no flag names.
pub(crate) const USUAL_FILES: [&str; 2] = ["ratesheet.json", "/etc/ratesheet/ratesheet.json"];

/// What the flags say, as far as it is configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `-c`, `--config`: the file, or `-` for standard input.
    pub(crate) config: Option<PathBuf>,
    /// `--credentials`.
    pub(crate) credentials: Option<String>,
    /// `--listen`.
    pub(crate) listen: Option<String>,
    /// `--log-level`.
    pub(crate) log_level: Option<String>,
    /// `--log-format`.
    pub(crate) log_format: Option<String>,
}

/// What the environment says, as far as it is configuration.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: HashMap<String, String>,
    unreadable: Vec<String>,
    google_credentials: Option<PathBuf>,
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
    pub(crate) fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// An environment of these variables.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
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
            } else if ["HTTPS_PROXY", "ALL_PROXY"].contains(&upper.as_str()) && !value.is_empty() {
                environment.proxy = Some(name.into());
            }
        }
        environment.unreadable.sort();
        environment
    }

    /// The values over the file's: of the environment, and over them of the flags.
    pub(crate) fn overlays(&self, flags: &Flags) -> Result<Overlays, LoadError> {
        if let Some(name) = self.unreadable.first() {
            return Err(LoadError::Variable(name.clone()));
        }
        let source = ::config::Environment::with_prefix(PREFIX)
            .separator("__")
            .source(Some(self.variables.clone()));
        let collected = source.collect().map_err(|_| LoadError::Variable(PREFIX.into()))?;
        let mut values: Vec<_> = collected.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut overlays = Overlays::new();
        for (path, value) in values {
            let origin = self.name_of(&path);
            let text = value.into_string().map_err(|_| LoadError::Variable(origin.clone()))?;
            overlays.set(path, text, origin);
        }
        for (path, value, flag) in [
            ("credentials", &flags.credentials, "--credentials"),
            ("status.listen", &flags.listen, "--listen"),
            ("log.level", &flags.log_level, "--log-level"),
            ("log.format", &flags.log_format, "--log-format"),
        ] {
            if let Some(value) = value {
                overlays.set(path, value, flag);
            }
        }
        Ok(overlays)
    }

    /// What says where the status page listens, and its value.
    pub(crate) fn listen(&self) -> Option<(&str, &str)> {
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

/// A configuration, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it is called: the file, or `stdin`.
    pub(crate) name: String,
    /// The configuration; its `credentials` are the environment's if it names none itself.
    pub(crate) config: Config,
    /// What is well formed and yet perhaps not meant.
    pub(crate) warnings: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// There is no file.
    Nowhere,
    /// The file cannot be read.
    Unreadable { name: String, why: Unreadable },
    /// A variable is no text.
    Variable(String),
    /// There are mistakes in it.
    Invalid(ConfigError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str(
                "No configuration here. `ratesheet init` writes one; `ratesheet demo` needs none.",
            ),
            Self::Unreadable { name, why } => write!(f, "{}: error: {why}", name.escape_debug()),
            Self::Variable(name) => {
                write!(f, "{}: error: found a value that is no UTF-8", name.escape_debug())
            }
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The system says why.
    System(io::Error),
    /// It is no file to read from its beginning to its end.
    NotAFile(&'static str),
    /// It is larger than anything that is meant.
    TooLarge(usize),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "{error}"),
            Self::NotAFile(what) => write!(f, "it is {what}; expected a regular file"),
            Self::TooLarge(most) => write!(f, "it is larger than {} KiB", most / 1024),
        }
    }
}

/// Chooses the file, reads it, and lays environment and flags over it.
pub(crate) fn load(environment: &Environment, flags: &Flags) -> Result<Loaded, LoadError> {
    load_from(environment, flags, &mut io::stdin().lock())
}

/// As [`load`], with another standard input.
pub(crate) fn load_from(
    environment: &Environment,
    flags: &Flags,
    stdin: &mut dyn io::Read,
) -> Result<Loaded, LoadError> {
    let path = match &flags.config {
        Some(path) => path.clone(),
        None => usual_file().ok_or(LoadError::Nowhere)?,
    };
    let (name, bytes) = if path == Path::new("-") {
        ("stdin".to_owned(), take(stdin, Config::MOST_BYTES))
    } else {
        (path.display().to_string(), read_file(&path, Config::MOST_BYTES))
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(why) => return Err(LoadError::Unreadable { name, why }),
    };
    let overlays = environment.overlays(flags)?;
    let mut config = Config::from_json(&name, &bytes, &overlays).map_err(LoadError::Invalid)?;
    if config.credentials.is_none() {
        config.credentials.clone_from(&environment.google_credentials);
    }
    let mut warnings = config.warnings();
    if let Some(proxy) = &environment.proxy {
        warnings.push(format!("{proxy} is set; proxies are not supported, and it is not heeded."));
    }
    Ok(Loaded { name, config, warnings })
}

/// How Kraken is asked, for a command that needs nothing else: without a configuration as with
/// one. One that nobody named and that has mistakes yet is left aside, with a note.
pub(crate) fn load_upstream(
    environment: &Environment,
    flags: &Flags,
) -> Result<(Config, Option<String>), LoadError> {
    let note = match load(environment, flags) {
        Ok(loaded) => return Ok((loaded.config, None)),
        Err(LoadError::Nowhere) => None,
        Err(LoadError::Invalid(_)) if flags.config.is_none() => {
            let told = "The configuration here has mistakes, which `ratesheet check` explains: it \
                        is not heeded.";
            Some(told.to_owned())
        }
        Err(error) => return Err(error),
    };
    let upstream = |name: &String| {
        let name = name.to_ascii_uppercase();
        name.starts_with("RATESHEET__KRAKEN__") || name.starts_with("RATESHEET__TLS__")
    };
    let mut environment = environment.clone();
    environment.variables.retain(|name, _| upstream(name));
    environment.unreadable.retain(upstream);
    let flags = Flags { config: Some("-".into()), ..Flags::default() };
    let mut nothing: &[u8] = b"{ \"sheets\": [] }";
    load_from(&environment, &flags, &mut nothing).map(|loaded| (loaded.config, note))
}

/// The first of the usual files that is there, readable or not.
fn usual_file() -> Option<PathBuf> {
    let there = |path: &&Path| !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
    USUAL_FILES.iter().map(Path::new).find(there).map(Path::to_owned)
}

/// Reads a regular file of `most` bytes at the most. Anything else could make it wait for ever.
pub(crate) fn read_file(path: &Path, most: usize) -> Result<Vec<u8>, Unreadable> {
    let metadata = fs::metadata(path).map_err(Unreadable::System)?;
    if metadata.is_dir() {
        return Err(Unreadable::NotAFile("a directory"));
    }
    if !metadata.is_file() {
        return Err(Unreadable::NotAFile("a pipe, a socket or a device"));
    }
    take(&mut fs::File::open(path).map_err(Unreadable::System)?, most)
}

fn take(from: &mut dyn io::Read, most: usize) -> Result<Vec<u8>, Unreadable> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes).map_err(Unreadable::System)?;
    if bytes.len() > most { Err(Unreadable::TooLarge(most)) } else { Ok(bytes) }
}

/// Why a key cannot be used.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// Its file cannot be read.
    Unreadable(PathBuf, Unreadable),
    /// Its file is something else.
    Invalid(PathBuf, InvalidKey),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| path.display().to_string().escape_debug().to_string();
        match self {
            Self::Unreadable(path, why) => {
                write!(f, "{}: error: the key cannot be read: {why}", name(path))
            }
            Self::Invalid(path, why) => {
                write!(f, "{}: error: {why}\n  help: {}", name(path), why.remedy())
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// Reads the key that a configuration names.
pub(crate) fn read_key(path: &Path) -> Result<ServiceAccountKey, KeyError> {
    let bytes = read_file(path, ServiceAccountKey::MOST_BYTES)
        .map_err(|why| KeyError::Unreadable(path.into(), why))?;
    ServiceAccountKey::from_json(&bytes).map_err(|why| KeyError::Invalid(path.into(), why))
}

/// A warning if everybody on this machine can read a key.
pub(crate) fn key_warning(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
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
    use super::*;

    const FILE: &str = include_str!("../../config/example.json");

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|&(name, value)| (name.into(), value.into())))
    }

    fn from_stdin(environment: &Environment, flags: Flags) -> Result<Loaded, LoadError> {
        let flags = Flags { config: Some("-".into()), ..flags };
        load_from(environment, &flags, &mut FILE.as_bytes())
    }

    #[test]
    fn flags_lie_over_the_environment_and_the_environment_over_the_file() {
        let environment = environment(&[
            ("RATESHEET__TIMEOUT", "7s"),
            ("RATESHEET__LOG__LEVEL", "debug"),
            ("RATESHEET__KRAKEN__URL", "http://127.0.0.1:1"),
            ("RATESHEET__STATUS__LISTEN", "127.0.0.1:1"),
            ("RATESHEET_PORT", "tcp://10.0.0.1:80"),
            ("RATESHEET_SERVICE_HOST", "10.0.0.1"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/google.json"),
            ("https_proxy", "http://proxy"),
        ]);
        let flags = Flags { listen: Some("127.0.0.1:2".into()), ..Flags::default() };
        let loaded = from_stdin(&environment, flags).unwrap();
        let config = &loaded.config;
        assert_eq!(config.sheets[0].every.as_secs(), 7);
        assert_eq!(config.log.level, ratesheet::LogLevel::Debug);
        assert_eq!(config.kraken.url, "http://127.0.0.1:1");
        assert_eq!(config.status.listen, Some("127.0.0.1:2".parse().unwrap()));
        assert_eq!(config.credentials.as_deref(), Some(Path::new("/google.json")));
        assert!(loaded.warnings.iter().any(|warning| warning.contains("https_proxy is set")));
        let flags = Flags { credentials: Some("own.json".into()), ..Flags::default() };
        let own = from_stdin(&environment, flags).unwrap();
        assert_eq!(own.config.credentials.as_deref(), Some(Path::new("own.json")));
    }

    #[test]
    fn mistakes_outside_the_file_name_the_variable_or_the_flag() {
        let environment = environment(&[
            ("RATESHEET__TIMEOUT", "abc"),
            ("RATESHEET__KRAKEN__URLL", "x"),
            ("RateSheet__Log__Level", "loud"),
        ]);
        let flags = Flags { listen: Some(":80".into()), ..Flags::default() };
        let told = from_stdin(&environment, flags).unwrap_err().to_string();
        for words in [
            "RATESHEET__TIMEOUT: error at $.timeout: found \"abc\"",
            "RATESHEET__KRAKEN__URLL: error: found an unknown variable",
            "did you mean RATESHEET__KRAKEN__URL?",
            "RateSheet__Log__Level: error at $.log.level",
            "--listen: error at $.status.listen: found \":80\"",
            "did you mean \"127.0.0.1:80\"?",
        ] {
            assert!(told.contains(words), "{words}\n{told}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read_and_never_waited_for() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let circle = folder.path().join("circle");
        symlink(&circle, &circle).unwrap();
        let large = folder.path().join("large");
        fs::write(&large, vec![b' '; Config::MOST_BYTES + 1]).unwrap();
        for (path, words) in [
            (folder.path(), "a directory"),
            (&fifo, "a pipe"),
            (Path::new("/dev/zero"), "device"),
            (&circle, "symbolic links"),
            (&large, "larger than 1024 KiB"),
            (&folder.path().join("missing"), "No such file"),
        ] {
            let flags = Flags { config: Some(path.into()), ..Flags::default() };
            let error = load(&Environment::default(), &flags).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        let flags = Flags { config: Some("-".into()), ..Flags::default() };
        let error = load_from(&Environment::default(), &flags, &mut io::repeat(0)).unwrap_err();
        assert!(error.to_string().starts_with("stdin: error: it is larger"), "{error}");
        let key = folder.path().join("key");
        fs::write(&key, "{}").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(key_warning(&key).unwrap().contains("mode 644"));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(key_warning(&key), None);
        let error = read_key(&key).unwrap_err().to_string();
        assert!(
            error.contains("lacks its \"private_key\"\n  help: a service account's"),
            "{error}"
        );
    }
}
