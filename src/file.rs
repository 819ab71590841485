//! Files that are read from beginning to end. Touches: whatever file it is told to read.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
};

/// Reads a regular file of `most` bytes at the most, as everything here is read that somebody
/// names in a configuration: a pipe could make the thread wait for ever, and a device never ends.
///
/// # Errors
/// When the system cannot read it, or it is something else, or larger.
///
/// # Example
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ratesheet::{Config, Overlays, read_regular};
///
/// let text = read_regular("ratesheet.json".as_ref(), Config::MOST_BYTES)?;
/// let config = Config::from_json("ratesheet.json", &text, &Overlays::new())?;
/// # Ok(())
/// # }
/// ```
pub fn read_regular(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    only_regular(&fs::metadata(path)?)?;
    read_opened(path, most)
}

/// Looks at what has been opened: since somebody looked at its path, it may have become something
/// else, a pipe with nobody at its other end.
fn read_opened(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.read(true).open(path)?;
    only_regular(&file.metadata()?)?;
    read_at_most(file, most)
}

fn only_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        let why = "it is no regular file but a directory";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, why));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file but a pipe, a socket or a device"));
    }
    Ok(())
}

/// What a person can do about a file that [`read_regular`] does not read: sentences, the last one
/// without a full stop, or nothing.
pub fn reading_remedy(path: &Path, why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::NotFound if path.to_string_lossy().starts_with(['~', '$']) => {
            "Neither ~ nor a variable is expanded here: write the whole path"
        }
        io::ErrorKind::NotFound if path.is_relative() => {
            "The path leads from the folder in which ratesheet is started"
        }
        io::ErrorKind::NotFound => {
            "Check the path; within a container it is the one at which the file is mounted"
        }
        io::ErrorKind::PermissionDenied => {
            "Let the user that ratesheet runs as read it, by chown or chmod; or run it, as a \
             container by --user, as the user that the file belongs to"
        }
        io::ErrorKind::IsADirectory => {
            "Name the file in it. If there was to be a file here, perhaps Docker has made the \
             directory, since what it was to mount is not there: remove it, and correct the mount"
        }
        _ => "",
    }
}

/// Reads whatever ends within `most` bytes, such as a standard input.
///
/// # Errors
/// When the system cannot read it, or it goes on.
pub fn read_at_most(from: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it is larger than {} KiB", most / 1024)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_too_large() {
        let endless = read_at_most(io::repeat(0), 2048).unwrap_err();
        assert_eq!(endless.to_string(), "it is larger than 2 KiB");
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read_and_never_waited_for() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        assert!(
            std::process::Command::new("mkfifo").arg(place("fifo")).status().unwrap().success()
        );
        symlink(place("circle"), place("circle")).unwrap();
        fs::write(place("large"), [0; 2049]).unwrap();
        for (path, words) in [
            (folder.path(), "a directory"),
            (&place("fifo"), "a pipe"),
            (Path::new("/dev/zero"), "a device"),
            (&place("circle"), "symbolic links"),
            (&place("large"), "larger than 2 KiB"),
            (&place("missing"), "No such file"),
        ] {
            let error = read_regular(path, 2048).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(read_regular(&place("large"), 2049).unwrap().len(), 2049);
    }

    #[test]
    fn what_is_not_read_is_told_what_to_do_by_its_cause() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(reading_remedy(Path::new("key.json"), &denied).contains("by chown or chmod"));
        for (path, words) in [
            ("~/key.json", "Neither ~ nor a variable is expanded"),
            ("$HOME/key.json", "write the whole path"),
            ("no/key.json", "leads from the folder in which"),
            ("/no/key.json", "within a container"),
            ("/", "perhaps Docker has made the directory"),
            ("/dev/null", ""),
        ] {
            let path = Path::new(path);
            let why = read_regular(path, 1).unwrap_err();
            let told = reading_remedy(path, &why);
            assert!(told.contains(words) && told.is_empty() == words.is_empty(), "{path:?} {told}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_has_become_a_pipe_after_it_was_looked_at_is_not_waited_for() {
        use std::{sync::mpsc, thread, time::Duration};
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(read_opened(&fifo, 2048)));
        let read = told.recv_timeout(Duration::from_secs(30)).expect("it waits for a writer");
        assert!(read.unwrap_err().to_string().contains("a pipe"));
    }
}
