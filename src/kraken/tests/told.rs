//! Tests of what is told of trouble: how far it reaches, why, and when. Touches: nothing.

use super::*;

const SOME: &str = "Kraken gives quotes, but there is trouble";
const NONE: &str = "Kraken gives no quotes";

/// Ticks every second for so long: how often it is told that there are some quotes, or none.
async fn told(bench: &Bench, seconds: u32) -> (usize, usize) {
    let until = Instant::now() + seconds * SECOND;
    while Instant::now() < until {
        bench.tick(&[SHEET]).await;
        sleep(SECOND * 9 / 10).await;
    }
    lines(&bench.journal.take())
}

fn lines(told: &[String]) -> (usize, usize) {
    let lines = |what| told.iter().filter(|line| line.starts_with(what)).count();
    (lines(&format!("WARN {SOME}")), lines(&format!("WARN {NONE}")))
}

#[test]
fn that_trouble_grows_or_shrinks_is_news_although_its_reason_stays_the_same() {
    in_no_time(async {
        let over = Over::default();
        let is_all = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(101))], move |asked| match asked {
            LIST => page(),
            names if names.contains("AAA100EUR") || is_all.is() => page(),
            names => all(names),
        });
        assert_eq!(told(&bench, 100).await, (1, 0));
        over.now();
        assert_eq!(told(&bench, 100).await, (0, 1));
        over.not_now();
        assert_eq!(told(&bench, 100).await, (1, 0));
    });
}

#[test]
fn who_fails_apart_from_the_others_is_not_told_as_if_nobody_had_quotes() {
    in_no_time(async {
        let [bad, good] = pairs(2).try_into().unwrap();
        let sheets = [(SHEET, vec![good]), (OTHER, vec![bad])];
        let over = Over::default();
        let is_other = over.clone();
        let bench = Bench::new(&sheets, move |asked| match asked {
            LIST => page(),
            names if !names.contains("AAA000EUR") => all(names),
            _ if is_other.is() => (503, String::new()),
            _ => page(),
        });
        bench.tick(&[SHEET]).await.unwrap();
        bench.tick(&[OTHER]).await.unwrap();
        let (some, _) = told(&bench, 100).await;
        assert_eq!(some, 1, "others are answered");
        over.now();
        bench.asked();
        // It is asked for by itself, since nothing else is due.
        sleep(40 * SECOND).await;
        let asked = bench.asked();
        let tickers = || asked.iter().filter(|asked| *asked != LIST);
        assert!(tickers().count() > 1 && tickers().all(|names| names == "AAA000EUR"), "{asked:?}");
        let log = bench.journal.take();
        assert_eq!(lines(&log), (1, 0), "{log:?}");
    });
}

#[test]
fn a_reason_that_comes_too_soon_after_another_is_told_before_a_long_wait_is_over() {
    in_no_time(async {
        let over = Over::default();
        let is_locked = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(1))], move |asked| match asked {
            LIST => page(),
            _ if is_locked.is() => (200, LOCKOUT.into()),
            _ => page(),
        });
        let begun = Instant::now();
        bench.tick(&[SHEET]).await.unwrap();
        sleep(20 * SECOND).await;
        over.now();
        time::sleep_until(begun + 59 * SECOND).await;
        let early = bench.journal.take();
        assert_eq!(lines(&early), (0, 1), "a line a minute: {early:?}");
        bench.asked();
        time::sleep_until(begun + 61 * SECOND).await;
        let late = bench.journal.take_with_values();
        assert_eq!(lines(&late), (0, 1), "{late:?}");
        let line =
            late.iter().find(|line| line.contains(NONE) && line.contains("lockout")).unwrap();
        let next = line.split_once("next_try_ms=").unwrap().1.split(' ').next().unwrap();
        let next = Duration::from_millis(next.parse().unwrap());
        time::sleep_until(begun + 59 * SECOND + next).await;
        assert_eq!(bench.asked(), Vec::<String>::new(), "it waits: {line}");
        time::sleep_until(begun + 62 * SECOND + next).await;
        assert!(!bench.asked().is_empty(), "it does not wait for longer than it says: {line}");
    });
}
