//! `ratesheet init`: writes a first configuration, and says what comes next.
//! Touches: the new file, standard output, the key's file. Never: a file that is there already.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ratesheet::{Config, Overlays, SheetConfig, Tab};
use serde_json::Value;

use super::{
    credentials::{self, Identity, Unusable},
    environment::Environment,
    exit::Exit,
    flags::Flags,
    layers::{USUAL_FILES, load_fileless},
    print_error, tell, unloaded,
};

/// What stands in the file until somebody puts a spreadsheet in its place.
const PLACEHOLDER: &str = "<the URL of your spreadsheet>";

/// Which spreadsheet.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The spreadsheet's URL as the browser shows it; it may be followed by ':' and a tab's title
    #[arg(value_name = "URL")]
    spreadsheet: Option<String>,
}

/// Writes a first configuration.
pub(super) fn init(flags: &Flags, arguments: &Arguments) -> Exit {
    let sheet = match arguments.spreadsheet.as_deref().map(spreadsheet).transpose() {
        Ok(sheet) => sheet,
        Err(told) => {
            print_error(&format!("ratesheet init: {told}\n"));
            return Exit::Usage;
        }
    };
    if let Err(error) = load_fileless(&Environment::default(), flags) {
        return unloaded(error.wrong());
    }
    let text = file(sheet.as_ref(), flags);
    let path = flags.config.clone().unwrap_or_else(|| PathBuf::from(USUAL_FILES[0]));
    if path == Path::new("-") {
        return tell(&text, Exit::Done);
    }
    if let Err(error) = write(&path, &text) {
        print_error(&refused(&path, &error));
        return Exit::Config;
    }
    let step = share(sheet.as_ref(), &Environment::of_process(), flags);
    tell(&next(&path, &step, flags.config.is_some()), Exit::Done)
}

/// Reads a spreadsheet as the configuration would.
fn spreadsheet(text: &str) -> Result<SheetConfig, String> {
    let whole = serde_json::json!({
        "sheet": text, "timeout": 5000, "data": { "kraken:xbteur:sell": "A1" }
    });
    let read = Config::from_json("", whole.to_string().as_bytes(), &Overlays::new());
    read.map(|mut config| config.sheets.remove(0)).map_err(|error| {
        let told = error.problems().iter().map(|problem| match problem.help() {
            Some(help) => format!("{}\n  help: {help}", problem.message()),
            None => problem.message().to_owned(),
        });
        told.collect::<Vec<_>>().join("\n")
    })
}

/// The text of the file. What is said by flags once is said in it from now on.
fn file(sheet: Option<&SheetConfig>, flags: &Flags) -> String {
    let place = sheet.map_or_else(|| PLACEHOLDER.to_owned(), place);
    let said = |key: &str, value: &Option<String>| {
        let value = value.as_deref().map(Value::from)?;
        Some(format!("\"{key}\": {value}"))
    };
    let credentials = said("credentials", &flags.credentials).map(|said| format!("\n  {said},"));
    let log = [said("level", &flags.log_level), said("format", &flags.log_format)];
    let sections = [("status", vec![said("listen", &flags.listen)]), ("log", log.to_vec())];
    let sections = sections.into_iter().filter_map(|(name, said)| {
        let said: Vec<_> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| format!(",\n  \"{name}\": {{ {} }}", said.join(", ")))
    });
    format!(
        r#"{{
  "sheet": {},{}
  "timeout": 5000,
  "data": {{
    "kraken:xbteur:sell": ["A1"],
    "kraken:xbteur:buy": ["A2"]
  }},
  "updated": ["A3"],
  "problem": ["A4"]{}
}}
"#,
        Value::from(place),
        credentials.unwrap_or_default(),
        sections.collect::<String>()
    )
}

/// A sheet as the configuration names it.
fn place(sheet: &SheetConfig) -> String {
    let id = sheet.spreadsheet.as_str();
    match &sheet.tab {
        Tab::Title(title) => format!("{id}:{title}"),
        Tab::Gid(gid) => format!("{}#gid={gid}", url(id)),
        Tab::First => id.to_owned(),
    }
}

fn url(id: &str) -> String {
    format!("https://docs.google.com/spreadsheets/d/{id}/edit")
}

/// Writes a file that was not there before; if that fails, it is not there afterwards either.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(path)))
}

fn refused(path: &Path, error: &io::Error) -> String {
    let name = path.display().to_string().escape_debug().to_string();
    if error.kind() == io::ErrorKind::AlreadyExists {
        return format!(
            "{name} is there already, and stays as it is.\n  help: `ratesheet check` looks at it; \
             `ratesheet init -c FILE` writes another\n"
        );
    }
    format!("{name}: error: it cannot be written: {error}\n")
}

/// The first step: who needs access to what.
fn share(sheet: Option<&SheetConfig>, environment: &Environment, flags: &Flags) -> String {
    let which = match sheet {
        Some(sheet) => format!("Share the spreadsheet {}", url(sheet.spreadsheet.as_str())),
        None => "Put your spreadsheet's URL into the file, and share the spreadsheet".into(),
    };
    match identity(environment, flags) {
        Some(Ok(Identity::Account(email))) => format!("{which}\n     with {email}, as an Editor"),
        Some(Ok(Identity::Machine)) => format!(
            "{which}\n     with the service account of the machine that it runs on, as an Editor: \
             `ratesheet check --online`\n     says there which it is"
        ),
        Some(Err(error)) => {
            let error = error.to_string().replace('\n', "\n   ");
            format!("{which}\n     with the key's client_email, as an Editor. But {error}")
        }
        Some(Ok(Identity::Nobody)) | None => format!(
            "{which}\n     with a service account, as an Editor: with the client_email in the \
             account's key. Set\n     GOOGLE_APPLICATION_CREDENTIALS to the key's path, or write it \
             into the file as \"credentials\""
        ),
    }
}

/// In whose name the commands would write, if they were started like this one.
fn identity(environment: &Environment, flags: &Flags) -> Option<Result<Identity, Unusable>> {
    let flags = Flags { credentials: flags.credentials.clone(), ..Flags::default() };
    let loaded = load_fileless(environment, &flags).ok()?;
    Some(credentials::identity(&loaded.config))
}

/// What is written, and what to do now.
fn next(path: &Path, share: &str, named: bool) -> String {
    let name = path.display().to_string();
    let suffix = if named { format!(" -c {}", quoted(&name)) } else { String::new() };
    let name = name.escape_debug();
    format!(
        "{name} is written. Every 5 seconds, Kraken's bid and ask of XBT/EUR go into A1 and A2, \
         when they\nwere asked for into A3, and what is wrong into A4. Whatever is in these cells \
         is replaced: if they\nare not free, choose others.\n\n\
         Next:\n\
         \x20 1. {share}.\n\
         \x20 2. ratesheet check{suffix}\n\
         \x20 3. ratesheet check --online{suffix}\n\
         \x20 4. ratesheet once{suffix}\n"
    )
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if path.chars().all(plain) {
        return path.to_owned();
    }
    if !path.contains(char::is_control) {
        return format!("'{}'", path.replace('\'', r"'\''"));
    }
    // As itself it would do something to the terminal.
    let escaped = |byte: u8| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("$'{}'", path.bytes().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use ratesheet::{LogFormat, LogLevel};

    use super::*;

    const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

    #[test]
    fn the_file_names_the_spreadsheet_and_the_tab_that_the_browser_shows() {
        let url = format!("https://docs.google.com/spreadsheets/d/{ID}/edit");
        for (given, written) in [
            (ID.to_owned(), ID.to_owned()),
            (url.clone(), ID.to_owned()),
            (format!("{url}?usp=sharing"), ID.to_owned()),
            (format!("{url}?gid=77#gid=77"), format!("{url}#gid=77")),
            (format!("{url}#gid=0:Sheet 1"), format!("{ID}:Sheet 1")),
            (format!("{ID}:\"Sheet\" \\ 1"), format!("{ID}:\"Sheet\" \\ 1")),
        ] {
            let sheet = spreadsheet(&given).unwrap();
            let flags = Flags { credentials: Some("the \"key\".json".into()), ..Flags::default() };
            let text = file(Some(&sheet), &flags);
            let config = Config::from_json("", text.as_bytes(), &Overlays::new()).unwrap();
            assert_eq!(place(&config.sheets[0]), written, "{given}");
            assert_eq!(config.sheets[0].tab, sheet.tab, "{given}");
            assert_eq!(config.credentials, Some(Path::new("the \"key\".json").into()));
        }
    }

    #[test]
    fn what_flags_say_is_said_by_the_file() {
        let sheet = spreadsheet(ID).unwrap();
        let [listen, level, format] = ["127.0.0.1:9642", "debug", "json"].map(|said| said.into());
        let mut flags = Flags { log_level: Some(level), ..Flags::default() };
        let text = file(Some(&sheet), &flags);
        assert!(text.ends_with("],\n  \"log\": { \"level\": \"debug\" }\n}\n"), "{text}");
        (flags.listen, flags.log_format) = (Some(listen), Some(format));
        let text = file(Some(&sheet), &flags);
        let config = Config::from_json("", text.as_bytes(), &Overlays::new()).unwrap();
        assert_eq!(config.status.listen, Some("127.0.0.1:9642".parse().unwrap()));
        assert_eq!((config.log.level, config.log.format), (LogLevel::Debug, LogFormat::Json));
    }

    #[test]
    fn what_is_no_spreadsheet_is_refused_with_its_reason() {
        for (given, words) in [
            ("https://example.com/", "such as https://docs.google.com/spreadsheets/d/<id>/edit"),
            ("https://docs.google.com/spreadsheets/d/e/2PACX-1v/pubhtml", "published page"),
            ("nonsense", "between /d/ and /edit"),
            ("", "found an empty text"),
            (&format!("{ID}: "), "an empty title"),
        ] {
            let told = spreadsheet(given).unwrap_err();
            assert!(told.contains(words), "{given}: {told}");
            assert!(!told.contains("error"), "{told}");
        }
    }

    #[test]
    fn a_placeholder_is_explained_by_check() {
        let text = file(None, &Flags::default());
        let error = Config::from_json("f", text.as_bytes(), &Overlays::new()).unwrap_err();
        assert_eq!(error.count(), 1, "{error}");
        assert!(error.to_string().contains("put its URL here"), "{error}");
    }

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quoted("a/b-c.json"), "a/b-c.json");
        assert_eq!(quoted("my file's.json"), r"'my file'\''s.json'");
        assert_eq!(quoted("ä\"$HOME\".json"), "'ä\"$HOME\".json'");
        assert_eq!(quoted("it's\n\u{9b}2J\\"), r"$'it\'s\x0a\xc2\x9b2J\\'");
        let told = next(Path::new("Bob's.json"), "Share it", true);
        assert!(told.contains("\n  2. ratesheet check -c 'Bob'\\''s.json'\n"), "{told}");
    }
}
