//! The layers of the configuration: file, environment, flags. Touches: the configuration's file or
//! standard input; whether a file that it names is there. Never: the network.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use ratesheet::{Config, ConfigError, Credentials, read_at_most, read_regular, reading_remedy};

use super::{
    Wrong,
    environment::{Environment, InvalidVariable},
    exit::Exit,
    flags::Flags,
};

/// Where a configuration is looked for that no flag names.
pub(super) const USUAL_FILES: [&str; 2] = ["ratesheet.json", "/etc/ratesheet/ratesheet.json"];

/// The path that is standard input.
const STDIN: &str = "-";

/// A configuration, and what belongs to it.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What it is called: the file, or `stdin`.
    pub(super) name: String,
    /// Where it was read from, if anywhere; `-` is standard input.
    pub(super) path: PathBuf,
    /// The configuration; its `credentials` are the environment's if it names none itself.
    pub(super) config: Config,
    /// What is perhaps not meant, beside what the configuration itself warns of.
    pub(super) warnings: Vec<String>,
    /// What says where the probes answer, should anything.
    pub(super) listen_by: &'static str,
}

impl Loaded {
    /// All that is well formed and yet perhaps not meant.
    pub(super) fn all_warnings(&self) -> impl Iterator<Item = String> {
        self.config.warnings().into_iter().chain(self.warnings.iter().cloned())
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub(super) enum LoadError {
    /// There is no file.
    Nowhere,
    /// The file that was read before is no longer there.
    Gone { name: String },
    /// Standard input has been read, and has nothing more.
    ReadOnce,
    /// The file cannot be read.
    Unreadable { name: String, why: io::Error },
    /// A variable cannot be heeded.
    Variable(InvalidVariable),
    /// There are mistakes in it.
    Invalid(ConfigError),
}

impl LoadError {
    /// What is wrong, and how the command ends: a flag whose value makes no sense is wrong usage.
    pub(super) fn wrong(self) -> Wrong {
        (self.to_string(), if self.is_usage() { Exit::Usage } else { Exit::Config })
    }

    /// Whether nothing but flags is wrong.
    fn is_usage(&self) -> bool {
        let of_flag = |origin: &str| origin.starts_with("--");
        let Self::Invalid(error) = self else { return false };
        error.problems().iter().all(|problem| problem.origin().is_some_and(of_flag))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str(
                "No configuration here. `ratesheet init` writes one; `ratesheet demo` needs none.",
            ),
            Self::Gone { name } => write!(
                f,
                "{}: error: the file is gone\n  help: put one in its place, and send SIGHUP again",
                name.escape_debug()
            ),
            Self::ReadOnce => f.write_str(
                "stdin: error: standard input can be read only once\n  help: name a file by \
                 --config, which can be read again; or start ratesheet anew",
            ),
            Self::Unreadable { name, why } => {
                write!(f, "{}: error: {why}", name.escape_debug())?;
                match reading_remedy(Path::new(name), why) {
                    "" => Ok(()),
                    remedy => write!(f, "\n  help: {remedy}"),
                }
            }
            Self::Variable(error) => error.fmt(f),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// Chooses the file, reads it, and lays environment and flags over it.
pub(super) fn load(environment: &Environment, flags: &Flags) -> Result<Loaded, LoadError> {
    let path = match &flags.config {
        Some(path) => path.clone(),
        None => usual_file().ok_or(LoadError::Nowhere)?,
    };
    let (name, text) = read(&path, &mut io::stdin().lock())?;
    let loaded = lay_over(name, &text, environment, flags)?;
    Ok(Loaded { path, ..loaded })
}

/// As [`load`], once more: what was read the first time is what `flags` name since.
pub(super) fn load_again(environment: &Environment, flags: &Flags) -> Result<Loaded, LoadError> {
    if flags.config.as_deref() == Some(Path::new(STDIN)) {
        return Err(LoadError::ReadOnce);
    }
    load(environment, flags).map_err(|error| match error {
        LoadError::Unreadable { name, why } if why.kind() == io::ErrorKind::NotFound => {
            LoadError::Gone { name }
        }
        error => error,
    })
}

/// What environment and flags say where there is no file.
pub(super) fn load_fileless(environment: &Environment, flags: &Flags) -> Result<Loaded, LoadError> {
    lay_over("no file".into(), b"{ \"sheets\": [] }", environment, flags)
}

/// How Kraken is asked, for a command that needs nothing else: without a configuration as with
/// one. One that nobody named and that has mistakes yet is left aside, with a note.
pub(super) fn load_upstream(
    environment: &Environment,
    flags: &Flags,
) -> Result<(Config, Option<String>), LoadError> {
    let trusted = |loaded: Loaded| {
        let checked = loaded.config.tls.check(&loaded.name);
        checked.map(|()| loaded.config).map_err(LoadError::Invalid)
    };
    let note = match load(environment, flags).and_then(trusted) {
        Ok(config) => return Ok((config, None)),
        Err(LoadError::Nowhere) => None,
        Err(error @ LoadError::Invalid(_)) if flags.config.is_none() && !error.is_usage() => {
            let told = "The configuration here has mistakes, which `ratesheet check` explains: it \
                        is not heeded.";
            Some(told.to_owned())
        }
        Err(error) => return Err(error),
    };
    let environment = environment.of_sections(&["KRAKEN", "TLS"]);
    let config = load_fileless(&environment, &Flags::default()).and_then(trusted)?;
    Ok((config, note))
}

/// Reads the file, or standard input, and says what it is called.
fn read(path: &Path, stdin: &mut dyn io::Read) -> Result<(String, Vec<u8>), LoadError> {
    let (name, text) = if path == Path::new(STDIN) {
        ("stdin".to_owned(), read_at_most(stdin, Config::MOST_BYTES))
    } else {
        (path.display().to_string(), read_regular(path, Config::MOST_BYTES))
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(why) => Err(LoadError::Unreadable { name, why }),
    }
}

/// Lays environment and flags over the text of a file.
fn lay_over(
    name: String,
    text: &[u8],
    environment: &Environment,
    flags: &Flags,
) -> Result<Loaded, LoadError> {
    let mut overlays = environment.overlays().map_err(LoadError::Variable)?;
    flags.lay_over(overlays.files(Path::is_file));
    let mut config = Config::from_json(&name, text, &overlays).map_err(LoadError::Invalid)?;
    if config.credentials.is_none() {
        config.credentials = environment.google_credentials().map_err(LoadError::Invalid)?;
    }
    if let Some(Credentials::Metadata(server)) = &mut config.credentials {
        let named = environment.metadata_server().map_err(LoadError::Variable)?;
        *server = named.unwrap_or_default();
    }
    let warnings = environment.unheeded();
    let listen_by = listen_by(environment, flags);
    Ok(Loaded { name, path: PathBuf::new(), config, warnings, listen_by })
}

/// What says where the probes answer, should anything.
fn listen_by(environment: &Environment, flags: &Flags) -> &'static str {
    match (&flags.listen, environment.listen()) {
        (Some(_), _) => "--listen",
        (None, Some(_)) => "the variable RATESHEET__STATUS__LISTEN",
        (None, None) => "status.listen in the configuration",
    }
}

/// The first of the usual files that is there, readable or not.
fn usual_file() -> Option<PathBuf> {
    let there = |path: &&Path| !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
    USUAL_FILES.iter().map(Path::new).find(there).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use ratesheet::MetadataServer;

    use super::*;

    const FILE: &str = include_str!("../../config/example.json");

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|&(name, value)| (name.into(), value.into())))
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
        let loaded = lay_over("f".into(), FILE.as_bytes(), &environment, &flags).unwrap();
        let config = &loaded.config;
        assert_eq!(config.sheets[0].every.as_secs(), 7);
        assert_eq!(config.log.level, ratesheet::LogLevel::Debug);
        assert_eq!(config.kraken.url, "http://127.0.0.1:1");
        assert_eq!(config.status.listen, Some("127.0.0.1:2".parse().unwrap()));
        assert_eq!(config.credentials, Some(Path::new("/google.json").into()));
        assert!(loaded.warnings.iter().any(|warning| warning.contains("https_proxy is set")));
    }

    #[test]
    fn a_variable_with_one_underscore_for_two_is_told_and_those_of_kubernetes_are_not() {
        let environment = environment(&[
            ("RATESHEET_TIMEOUT", "7s"),
            ("ratesheet_kraken__url", "http://127.0.0.1:1"),
            ("RATESHEET_KRAKEN_REQUESTS_PER_SECONDS", "1"),
            ("RATESHEET_CREDENTIALS_FILE", "/key.json"),
            ("RATESHEET_SERVICE_HOST", "10.0.0.1"),
            ("RATESHEET_SERVICE_PORT", "80"),
            ("RATESHEET_SERVICE_PORT_PROBES", "80"),
            ("RATESHEET_PORT", "tcp://10.0.0.1:80"),
            ("RATESHEET_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("RATESHEET_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("RATESHEET_PORT_80_TCP_PORT", "80"),
            ("RATESHEET_PORT_80_TCP_PROTO", "tcp"),
        ]);
        let loaded =
            lay_over("f".into(), FILE.as_bytes(), &environment, &Flags::default()).unwrap();
        assert_eq!(
            loaded.warnings,
            [
                ("RATESHEET_CREDENTIALS_FILE", "RATESHEET__CREDENTIALS"),
                ("RATESHEET_KRAKEN_REQUESTS_PER_SECONDS", "RATESHEET__KRAKEN__REQUESTS_PER_SECOND"),
                ("RATESHEET_TIMEOUT", "RATESHEET__TIMEOUT"),
                ("ratesheet_kraken__url", "RATESHEET__KRAKEN__URL"),
            ]
            .map(|(name, meant)| format!(
                "{name} is set, and is not heeded: did you mean {meant}?"
            ))
        );
        assert_eq!(loaded.config.sheets[0].every.as_secs(), 5);
    }

    /// In whose name it writes, with these variables, this in the file, and this flag.
    fn credentials(
        variables: &[(&str, &str)],
        file: Option<&str>,
        flag: Option<&str>,
    ) -> Result<Option<Credentials>, String> {
        let key = file.map(|text| format!("{{ \"credentials\": \"{text}\","));
        let text = key.map_or(FILE.to_owned(), |key| FILE.replacen('{', &key, 1));
        let flags = Flags { credentials: flag.map(str::to_owned), ..Flags::default() };
        let loaded = lay_over("f".into(), text.as_bytes(), &environment(variables), &flags);
        loaded.map(|loaded| loaded.config.credentials).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flag_comes_first_then_the_variables_then_the_file_then_googles_variable() {
        let google = ("GOOGLE_APPLICATION_CREDENTIALS", "/google.json");
        let own = ("RATESHEET__CREDENTIALS", "/own.json");
        let in_file = ("Ratesheet__Credentials_File", "/run/secrets/key.json");
        for (variables, file, flag, expected) in [
            (&[google, own][..], Some("file.json"), Some("flag.json"), "flag.json"),
            (&[google, own], Some("file.json"), None, "/own.json"),
            (&[google, in_file], Some("file.json"), None, "/run/secrets/key.json"),
            (&[google], Some("file.json"), None, "file.json"),
            (&[google], None, None, "/google.json"),
            (&[("GOOGLE_APPLICATION_CREDENTIALS", "metadata")], None, None, "metadata"),
        ] {
            let found = credentials(variables, file, flag).unwrap().unwrap();
            assert_eq!(found, Path::new(expected).into(), "{variables:?} {file:?} {flag:?}");
        }
        assert_eq!(credentials(&[("GOOGLE_APPLICATION_CREDENTIALS", "")], None, None), Ok(None));
        let told = credentials(&[own, in_file], None, Some("flag.json")).unwrap_err();
        assert!(told.contains("found it beside RATESHEET__CREDENTIALS; expected one"), "{told}");
        // Any other variable may be there twice as well, since capitals do not count.
        let [one, other] = [("ratesheet__TIMEOUT", "1s"), ("RATESHEET__TIMEOUT", "5s")];
        for variables in [[one, other], [other, one]] {
            let told = credentials(&variables, None, None).unwrap_err();
            let words = "ratesheet__TIMEOUT: error: found it beside RATESHEET__TIMEOUT; expected";
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn the_metadata_server_is_meant_by_its_word_and_is_where_googles_variable_says() {
        let usual = Credentials::from(MetadataServer::default());
        let google = ("GOOGLE_APPLICATION_CREDENTIALS", "/google.json");
        let variable = ("RATESHEET__CREDENTIALS", "metadata");
        assert_eq!(credentials(&[google], Some("metadata"), None), Ok(Some(usual.clone())));
        assert_eq!(credentials(&[variable], Some("key.json"), None), Ok(Some(usual.clone())));
        assert_eq!(credentials(&[], None, Some("metadata")), Ok(Some(usual)));
        let host = ("GCE_METADATA_HOST", "127.0.0.1:80");
        let there = MetadataServer::at("127.0.0.1:80").unwrap().into();
        assert_eq!(credentials(&[host], Some("metadata"), None), Ok(Some(there)));
        let wrong = ("GCE_METADATA_HOST", "http://metadata");
        let told = credentials(&[wrong], Some("metadata"), None).unwrap_err();
        assert!(told.contains("GCE_METADATA_HOST: error: found \"http://metadata\""), "{told}");
        assert_eq!(credentials(&[wrong], None, None), Ok(None), "it concerns nobody");
    }

    #[test]
    fn a_key_in_a_variable_is_not_shown_and_is_told_where_it_belongs() {
        let key = r#"{"type":"service_account","private_key":"CANARY"}"#;
        let told = credentials(&[("RATESHEET__CREDENTIALS", key)], None, None).unwrap_err();
        assert!(told.contains("RATESHEET__CREDENTIALS: error at $.credentials"), "{told}");
        assert!(told.contains("help: a service account's key stands in a file"), "{told}");
        assert!(!told.contains("CANARY"), "{told}");
        let google = ("GOOGLE_APPLICATION_CREDENTIALS", key);
        let told = credentials(&[google], None, None).unwrap_err();
        assert!(told.contains("GOOGLE_APPLICATION_CREDENTIALS: error at $.credentials"), "{told}");
        assert!(
            told.contains("help: a service account's key stands in a file")
                && !told.contains("CANARY"),
            "{told}"
        );
        assert!(credentials(&[google], Some("key.json"), None).is_ok(), "it is not heeded");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown_by_any_layer_unless_a_file_is_called_that() {
        let folder = tempfile::tempdir().unwrap();
        let folder_like_a_blank = folder.path().join("keys ");
        fs::create_dir(&folder_like_a_blank).unwrap();
        for name in ["RATESHEET__CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"] {
            let folder = folder_like_a_blank.to_str().unwrap();
            let told = credentials(&[(name, folder)], None, None).unwrap_err();
            assert!(told.contains("delete the blank"), "a folder is no file: {told}");
        }
        let secret = format!("AIzaSy{}", "CANARY-Ab3".repeat(4).split_at(33).0);
        let there = folder.path().join("MIIkeys").join("key.json");
        for name in ["RATESHEET__CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"] {
            let told = credentials(&[(name, &secret)], None, None).unwrap_err();
            assert!(
                told.contains("an API key, which is a secret and no path (not shown)"),
                "{told}"
            );
            assert!(!told.contains("CANARY") && !told.contains("AIza"), "{told}");
        }
        for (file, flag) in [(Some(&*secret), None), (None, Some(&*secret))] {
            let told = credentials(&[], file, flag).unwrap_err();
            assert!(told.contains("which is a secret and no path (not shown)"), "{told}");
            assert!(!told.contains("CANARY"), "{told}");
        }
        let blank = folder.path().join("key.json ");
        let blank = blank.to_str().unwrap();
        assert!(credentials(&[], Some(blank), None).unwrap_err().contains("delete the blank"));
        fs::write(blank, "").unwrap();
        assert!(credentials(&[], Some(blank), None).is_ok(), "it is there");
        assert!(credentials(&[], there.to_str(), None).is_ok(), "it looks like none");
    }

    #[test]
    fn mistakes_outside_the_file_name_the_variable_or_the_flag() {
        let environment = environment(&[
            ("RATESHEET__TIMEOUT", "abc"),
            ("RATESHEET__KRAKEN__DEADLINE", "\"5s\""),
            ("RATESHEET__GOOGLE__DEADLINE", ""),
            ("RATESHEET__KRAKEN__URLL", "x"),
            ("RateSheet__Log__Level", "loud"),
        ]);
        let flags = Flags { listen: Some(":80".into()), ..Flags::default() };
        let told =
            lay_over("f".into(), FILE.as_bytes(), &environment, &flags).unwrap_err().to_string();
        for words in [
            "RATESHEET__TIMEOUT: error at $.timeout: found \"abc\"",
            "found \"\\\"5s\\\"\"; expected a number of milliseconds, or a text such as \"5s\"\n  \
             help: write it without the quotes",
            "found \"\"; expected a number of milliseconds, or a text such as \"5s\"\n  \
             help: leave it out, or say something",
            "RATESHEET__KRAKEN__URLL: error: found an unknown variable",
            "did you mean RATESHEET__KRAKEN__URL?",
            "RateSheet__Log__Level: error at $.log.level",
            "--listen: error at $.status.listen: found \":80\"",
            "did you mean \"127.0.0.1:80\"?",
        ] {
            assert!(told.contains(words), "{words}\n{told}");
        }
    }

    #[test]
    fn a_file_that_is_none_or_too_large_is_told_by_its_name() {
        let large = tempfile::NamedTempFile::new().unwrap();
        fs::write(large.path(), vec![b' '; Config::MOST_BYTES + 1]).unwrap();
        for (path, words) in [
            (large.path(), "it is larger than 1024 KiB"),
            (Path::new("/dev/zero"), "it is no regular file but a pipe, a socket or a device"),
        ] {
            let flags = Flags { config: Some(path.into()), ..Flags::default() };
            let error = load(&Environment::default(), &flags).unwrap_err().to_string();
            assert_eq!(error, format!("{}: error: {words}", path.display()));
        }
        let error = read(Path::new(STDIN), &mut io::repeat(0)).unwrap_err();
        assert!(error.to_string().starts_with("stdin: error: it is larger"), "{error}");
    }
}
