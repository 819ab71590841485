//! What becomes of the service when the window is closed in which it was started: it stops, so that
//! nobody has two of them by starting it again in another.

use std::fs;

use pty_process::blocking::{Command, Pty, open};
use tempfile::NamedTempFile;

use crate::rig::{ONE, Process, Rig, price_in};

/// The command in a window of its own, as a shell starts it there.
fn in_a_window(program: &str, arguments: &[&str]) -> (Pty, Process) {
    let (window, inside) = open().unwrap();
    let command = Command::new(program).args(arguments).env_clear();
    (window, Process::from(command.spawn(inside).unwrap()))
}

/// A hangup while the window is open has the price written elsewhere.
fn is_reloaded(rig: &Rig, file: &NamedTempFile, hang_up: impl FnOnce()) {
    let new = rig.file(&price_in(ONE, "B1"));
    fs::copy(new.path(), file.path()).unwrap();
    hang_up();
    rig.shows("B1");
}

#[test]
fn when_its_window_is_closed_it_stops_and_a_hangup_by_hand_is_still_a_reload() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let arguments = ["-c", file.path().to_str().unwrap()];
    let (window, process) = in_a_window(env!("CARGO_BIN_EXE_ratesheet"), &arguments);
    rig.shows("A1");
    is_reloaded(&rig, &file, || process.signal("HUP"));
    drop(window);
    assert_eq!(process.end().status.code(), Some(0));
}

#[test]
fn in_the_background_of_a_window_it_stops_though_the_hangup_comes_before_the_terminal_has_gone() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let script = "trap '' HUP; \"$1\" -c \"$2\" & wait $!";
    let path = file.path().to_str().unwrap();
    let arguments = ["-c", script, "sh", env!("CARGO_BIN_EXE_ratesheet"), path];
    let (window, shell) = in_a_window("/bin/sh", &arguments);
    rig.shows("A1");
    is_reloaded(&rig, &file, || shell.signal_child("HUP"));
    drop(window);
    assert_eq!(shell.end().status.code(), Some(0));
}

#[test]
fn under_nohup_it_goes_on_when_its_window_is_closed() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' HUP; cd \"$3\"; PATH=/usr/bin:/bin nohup \"$1\" -c \"$2\" & wait $!";
    let (path, folder) = (file.path().to_str().unwrap(), folder.path().to_str().unwrap());
    let arguments = ["-c", script, "sh", env!("CARGO_BIN_EXE_ratesheet"), path, folder];
    let (window, shell) = in_a_window("/bin/sh", &arguments);
    rig.shows("A1");
    let new = rig.file(&price_in(ONE, "B1"));
    fs::copy(new.path(), file.path()).unwrap();
    drop(window);
    shell.signal_child("HUP");
    rig.shows("B1");
    shell.signal_child("TERM");
    assert_eq!(shell.end().status.code(), Some(0));
}
