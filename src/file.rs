//! Files that are read from beginning to end. Touches: whatever file it is told to read.

use std::{
    fs::{self, File},
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
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is no regular file but a directory"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file but a pipe, a socket or a device"));
    }
    read_at_most(File::open(path)?, most)
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
}
