//! Time that passes while the machine is suspended, its lid closed: no `Instant` counts it, and no
//! timer goes on. Touches: the clock.

use std::time::Duration;

use tokio::time::Instant;

/// Now, by a clock that goes on while the machine is suspended. It is to be compared with other
/// moments of its own, and with no `Instant` of elsewhere.
pub(crate) fn now() -> Instant {
    Instant::now() + suspended()
}

/// For how long the machine has been suspended since this was first asked, give or take what lies
/// between two looks at a clock. It never shrinks.
#[cfg(unix)]
pub(crate) fn suspended() -> Duration {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    /// What both clocks showed then.
    static FIRST: LazyLock<(Duration, StdInstant)> = LazyLock::new(clocks);
    /// The longest that it was found to be, in nanoseconds.
    static LONGEST: AtomicU64 = AtomicU64::new(0);
    let (began, awake_since) = *FIRST;
    let (at, awake) = clocks();
    let slept =
        at.saturating_sub(began).saturating_sub(awake.saturating_duration_since(awake_since));
    let slept = u64::try_from(slept.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(LONGEST.fetch_max(slept, Ordering::Relaxed).max(slept))
}

/// Nothing tells it here.
#[cfg(not(unix))]
pub(crate) const fn suspended() -> Duration {
    Duration::ZERO
}

/// The clock of the standard library, which stands still meanwhile. A test may pause Tokio's.
#[cfg(unix)]
#[expect(clippy::disallowed_types, reason = "a test's clock knows nothing of the machine")]
type StdInstant = std::time::Instant;

/// The clock that goes on meanwhile, and the one that does not.
#[cfg(unix)]
fn clocks() -> (Duration, StdInstant) {
    use rustix::time::{ClockId, clock_gettime};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const GOES_ON: ClockId = ClockId::Boottime;
    // Apple's counts it; where none does, nothing is known of it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const GOES_ON: ClockId = ClockId::Monotonic;
    let at = Duration::try_from(clock_gettime(GOES_ON)).unwrap_or_default();
    (at, StdInstant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_works_is_not_suspended_though_a_test_s_clock_stands_still() {
        const A_WHILE: Duration = Duration::from_millis(400);
        actix_rt::System::new().block_on(async {
            tokio::time::pause();
            let began = suspended();
            std::thread::sleep(A_WHILE);
            let suspended = suspended().saturating_sub(began);
            assert!(suspended < A_WHILE / 2, "{suspended:?}");
        });
    }

    #[cfg(target_os = "linux")]
    const UPTIME: &str = "suspend::tests::the_clock_that_goes_on_is_the_one_of_the_uptime";

    /// Linux counts suspends into `/proc/uptime`, which has hundredths of a second.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_that_goes_on_is_the_one_of_the_uptime() {
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            Duration::from_secs_f64(text.split(' ').next().unwrap().parse().unwrap())
        };
        let (before, at, after) = (uptime(), clocks().0, uptime());
        let hundredth = Duration::from_millis(10);
        assert!(before <= at && at <= after + hundredth, "{before:?} {at:?} {after:?}");
    }

    /// Where no suspend has ever been, both clocks show the same. In a time namespace they differ.
    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_the_one_of_the_uptime_where_that_and_the_other_differ() {
        let asleep = |command: &std::path::Path| {
            let mut unshare = std::process::Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "--time", "--boottime", "1000000"]);
            unshare.arg(command);
            unshare
        };
        if !asleep("true".as_ref()).output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no time namespace is to be had here");
            return;
        }
        let this = std::env::current_exe().unwrap();
        let output = asleep(&this).args(["--exact", UPTIME]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
    }
}
