//! Tests of the demo's look.

use ratesheet::{ActorName, Exit, Fault, Next};
use serde_json::json;

use super::*;

fn rows(price: f64) -> Rows {
    vec![
        vec![json!(null), json!("Buy"), json!("Sell")],
        vec![json!("Pepe"), json!(0.000_002_502), json!(price)],
    ]
}

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn picture(screen: &mut Screen, price: f64) -> String {
    screen.draw(rows(price), &[("q", "quit")], Size::UNKNOWN, second(1))
}

const COLOURED: Look = Look::Picture { colours: true };

#[test]
fn a_pipe_gets_each_tick_and_each_news_once_and_the_sheet_at_the_end() {
    let mut screen = Screen::new(Look::Lines);
    screen.news.tick = 1;
    let line = "tick   1:  Pepe 0.000002502 / 7.5\n";
    assert_eq!(screen.draw(rows(7.5), &[], Size::UNKNOWN, second(1)), line);
    assert_eq!(screen.draw(rows(7.5), &[], Size::UNKNOWN, second(1)), "");
    let fault = Fault::new(ActorName::Kraken, Exit::Stopped, 1, Next::Restart(second(2)));
    screen.hear(&Event::Fault(fault), second(2));
    let told = "         KrakenActor stopped by itself; it is restarted in 2000 ms\n";
    assert_eq!(screen.draw(rows(7.5), &[], Size::UNKNOWN, second(2)), told);
    let closing = screen.closing(rows(8.0));
    assert!(closing.contains("2  Pepe  0.000002502  8"), "{closing}");
    assert!(closing.ends_with("0 cells in 0 writes\n"), "{closing}");
    (screen.news.cells, screen.news.writes) = (25, 1);
    assert!(screen.closing(rows(8.0)).ends_with("25 cells in 1 write\n"));
}

#[test]
fn a_picture_shows_which_way_a_price_went_until_it_goes_another() {
    let mut screen = Screen::new(COLOURED);
    assert!(!picture(&mut screen, 7.5).contains('▲'));
    assert!(picture(&mut screen, 8.0).contains("\x1b[32m   8 ▲\x1b[0m"));
    assert!(picture(&mut screen, 8.0).contains("\x1b[32m   8 ▲\x1b[0m"));
    assert!(picture(&mut screen, 6.5).contains("\x1b[31m 6.5 ▼\x1b[0m"));
}

#[test]
fn a_picture_without_colours_has_the_marks_nevertheless() {
    let mut screen = Screen::new(Look::Picture { colours: false });
    picture(&mut screen, 7.5);
    let drawn = picture(&mut screen, 8.0);
    assert!(drawn.contains("8 ▲"), "{drawn:?}");
    assert!(!drawn.contains("m▲") && !drawn.contains("\x1b[0m"), "{drawn:?}");
}

#[test]
fn a_long_text_makes_no_column_wide() {
    let mut screen = Screen::new(Look::Lines);
    let mut rows = rows(7.5);
    rows.push(vec![json!("Problem"), json!("All cells: no answer within 10 s")]);
    let closing = screen.closing(rows);
    assert!(closing.contains("2  Pepe     0.000002502  7.5\n"), "{closing}");
    assert!(closing.contains("3  Problem  All cells: no answer within 10 s\n"), "{closing}");
}

#[test]
fn a_picture_is_no_larger_than_the_terminal() {
    let mut screen = Screen::new(COLOURED);
    let drawn = screen.draw(rows(7.5), &[("q", "quit")], Size { lines: 5, columns: 20 }, second(1));
    assert_eq!(drawn.matches('\n').count(), 4, "{drawn:?}");
    assert!(drawn.contains("ratesheet demo") && !drawn.contains("stand-in"), "{drawn:?}");
    assert_eq!(cut("\x1b[1mabc\x1b[0mdef", 2), "\x1b[1mab\x1b[0m");
    assert_eq!(cut("▲▼▲", 2), "▲▼");
}
