//! How much memory a process has taken at its worst, as the kernel counts it.

use std::fs;

/// The memory of a process from a moment on.
pub(super) struct Memory {
    pid: u32,
    /// In KiB, as all below.
    most: i64,
    files: i64,
}

impl Memory {
    /// From now on. The kernel forgets the most that it had before.
    pub(super) fn of(pid: u32) -> Self {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        Self { pid, most: read(pid, "VmHWM"), files: read(pid, "RssFile") }
    }

    /// How much more it has had since, at any moment, in KiB. The pages of the program itself,
    /// which are read from its file when they are first needed, do not count.
    pub(super) fn growth(&self) -> i64 {
        let files = read(self.pid, "RssFile") - self.files;
        read(self.pid, "VmHWM") - self.most - files
    }
}

/// A line of `/proc/<pid>/status`.
pub(super) fn read(pid: u32, name: &str) -> i64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)).unwrap();
    number.parse().unwrap()
}
