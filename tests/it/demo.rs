//! The demo as a person sees it, on a terminal: what is drawn, what the keys do, and that the
//! terminal is left as it was found.

use std::{io::Read as _, process::Command};

use vt100::{Color, Screen};

use crate::{
    rig::{finish, ratesheet},
    tty::{SIZE, Tty, wait},
};

const XTERM: (&str, &str) = ("TERM", "xterm-256color");
const QUICKLY: [&str; 3] = ["demo", "--every", "100"];

/// Whether there is this character in this colour.
fn has(screen: &Screen, text: &str, colour: Color) -> bool {
    let cells = (0..SIZE.0).flat_map(|row| (0..SIZE.1).map(move |column| (row, column)));
    let mut cells = cells.filter_map(|(row, column)| screen.cell(row, column));
    cells.any(|cell| cell.contents() == text && cell.fgcolor() == colour)
}

const RED: Color = Color::Idx(1);
const GREEN: Color = Color::Idx(2);

#[test]
fn prices_have_coloured_marks_and_a_line_says_that_all_is_well() {
    let tty = Tty::start(&QUICKLY, &[XTERM]);
    tty.until("a green ▲", |screen| has(screen, "▲", GREEN).then_some(()));
    tty.until("a red ▼", |screen| has(screen, "▼", RED).then_some(()));
    tty.until("a green ●", |screen| has(screen, "●", GREEN).then_some(()));
    tty.shows("● all is well");
    tty.shows("k  Kraken down    g  Google down    c  crash an actor    q  quit");
    assert!(tty.until("it", |screen| Some(screen.hide_cursor() && screen.alternate_screen())));
    tty.press("xX?\x1b[A"); // these mean nothing
    tty.press("q");
    let (status, screen) = tty.end();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert!(screen.contains("The sheet, as it was left") && screen.contains(" writes"), "{screen}");
}

#[test]
fn a_key_takes_kraken_down_and_brings_it_back() {
    let tty = Tty::start(&QUICKLY, &[XTERM]);
    tty.shows("● all is well");
    tty.press("k");
    tty.shows("You take Kraken down");
    tty.shows("Kraken: the answer is not Kraken's JSON: HTTP 520");
    tty.shows("● Kraken in trouble for");
    tty.shows("The cells keep their last values.");
    tty.until("no mark of a price", |screen| (!screen.contents().contains('▲')).then_some(()));
    tty.until("a red ●", |screen| has(screen, "●", RED).then_some(()));
    tty.shows("k  Kraken back");
    tty.press("K");
    tty.shows("You bring Kraken back");
    tty.shows("Kraken answers again");
    tty.shows("● all is well");
    tty.until("prices that move", |screen| screen.contents().contains('▲').then_some(()));
    tty.press("q");
    assert_eq!(tty.end().0.code(), Some(0));
}

#[test]
fn a_key_takes_google_down_and_brings_it_back() {
    let tty = Tty::start(&QUICKLY, &[XTERM]);
    tty.shows("● all is well");
    tty.press("g");
    tty.shows("Google: Google is in trouble: HTTP 503");
    tty.shows("● Google in trouble for");
    tty.press("g");
    tty.shows("Google answers again");
    tty.shows("● all is well");
    tty.press("q");
    assert_eq!(tty.end().0.code(), Some(0));
}

#[test]
fn a_key_makes_each_actor_crash_in_turn_and_it_comes_back() {
    let tty = Tty::start(&QUICKLY, &[XTERM]);
    tty.shows("● all is well");
    for actor in ["KrakenActor", "SheetsActor(1-the-sp…)", "ScheduleActor"] {
        tty.press("c");
        tty.shows(&format!("You crash the {actor}"));
        tty.shows(&format!("{actor} panicked: a drill; it is restarted in"));
        tty.shows(&format!("{actor} is at work again"));
        tty.shows("● all is well");
    }
    tty.press("q");
    assert_eq!(tty.end().0.code(), Some(0));
}

#[test]
fn ctrl_c_and_sigterm_end_it_cleanly() {
    for signal in [None, Some("-TERM")] {
        let tty = Tty::start(&QUICKLY, &[XTERM]);
        tty.shows("● all is well");
        match signal {
            None => tty.press("\x03"),
            Some(signal) => {
                let process = tty.process().to_string();
                assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
            }
        }
        let (status, screen) = tty.end();
        assert_eq!(status.code(), Some(0), "{signal:?}: {screen}");
    }
}

#[test]
fn when_it_gives_up_the_terminal_is_as_it_was_and_says_why() {
    let arguments = [&QUICKLY[..], &["--drill", "kraken:panic:forever"]].concat();
    let tty = Tty::start(&arguments, &[XTERM]);
    let (status, screen) = tty.end();
    assert_eq!(status.code(), Some(70), "{screen}");
    assert!(
        screen.contains("it gave up: KrakenActor failed 6 times: panicked: a drill"),
        "{screen}"
    );
}

#[test]
fn when_the_window_is_closed_it_ends() {
    let (mut pty, pts) = pty_process::blocking::open().unwrap();
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_ratesheet"));
    let command = command.args(QUICKLY).env_clear().env(XTERM.0, XTERM.1);
    let mut child = command.spawn(pts).unwrap();
    let mut bytes = [0; 4096];
    let mut printed = Vec::new();
    while !String::from_utf8_lossy(&printed).contains("all is well") {
        let count = pty.read(&mut bytes).unwrap();
        printed.extend_from_slice(&bytes[..count]);
    }
    drop(pty);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn colours_and_pictures_are_for_who_can_see_them_and_wants_to() {
    let colours = |text: &str| text.contains("\x1b[3") || text.contains("\x1b[0m");
    let plain = Tty::start(&QUICKLY, &[XTERM, ("NO_COLOR", "1")]);
    plain.shows("▲");
    assert!(!colours(&plain.raw()), "{:?}", plain.raw());
    let coloured = Tty::start(&QUICKLY, &[XTERM]);
    coloured.shows("▲");
    assert!(colours(&coloured.raw()));
    for variables in [&[("TERM", "dumb")][..], &[]] {
        let dumb = Tty::start(&QUICKLY, variables);
        dumb.shows("tick ");
        assert!(!dumb.raw().contains('\x1b'), "{:?}", dumb.raw());
    }
    let mut piped = ratesheet(&["demo", "--ticks", "3", "--every", "50"]);
    let piped = finish(piped.env(XTERM.0, XTERM.1));
    assert!(!piped.stdout.contains(&0x1b));
}

#[test]
fn a_demo_with_a_drill_ends() {
    let demo = ["demo", "--ticks", "12", "--every", "30", "--drill", "sheets:panic"];
    assert_eq!(finish(ratesheet(&demo)).status.code(), Some(0));
}
