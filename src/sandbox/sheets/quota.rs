//! Google's quotas: so many reads and writes a minute, for a user and for the project.
//! Pure: no I/O, no clock: `now` comes in as an argument.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::pages::Quota;

/// How many requests a minute are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaLimits {
    /// Writes of one user (a service account is one): 60.
    pub writes_per_user: u32,
    /// Writes of all users: 300.
    pub writes_per_project: u32,
    /// Reads of one user: 60.
    pub reads_per_user: u32,
    /// Reads of all users: 300.
    pub reads_per_project: u32,
}

impl Default for QuotaLimits {
    fn default() -> Self {
        Self {
            writes_per_user: 60,
            writes_per_project: 300,
            reads_per_user: 60,
            reads_per_project: 300,
        }
    }
}

/// Counts requests by the minute; a minute begins with the first request after the last one.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) limits: Option<QuotaLimits>,
    windows: BTreeMap<(bool, Option<String>), Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: Timestamp,
    count: u32,
}

impl Default for Meter {
    fn default() -> Self {
        Self { limits: Some(QuotaLimits::default()), windows: BTreeMap::new() }
    }
}

impl Meter {
    /// Begins afresh.
    pub(super) fn reset(&mut self, limits: Option<QuotaLimits>) {
        self.limits = limits;
        self.windows.clear();
    }

    /// Counts a request, unless a quota is used up: then which one, and since when it counts.
    pub(super) fn charge(
        &mut self,
        user: &str,
        writes: bool,
        now: Timestamp,
    ) -> Result<(), (Quota, i64)> {
        let Some(limits) = self.limits else { return Ok(()) };
        let (of_user, of_project) = match writes {
            true => (limits.writes_per_user, limits.writes_per_project),
            false => (limits.reads_per_user, limits.reads_per_project),
        };
        let wanted = [(Some(user.to_owned()), of_user), (None, of_project)];
        for (user, limit) in &wanted {
            let window = self.window(writes, user.clone(), now);
            if window.count >= *limit {
                let start = window.start.as_second();
                return Err((Quota { writes, per_user: user.is_some(), limit: *limit }, start));
            }
        }
        for (user, _) in wanted {
            self.window(writes, user, now).count += 1;
        }
        Ok(())
    }

    fn window(&mut self, writes: bool, user: Option<String>, now: Timestamp) -> &mut Window {
        let fresh = Window { start: now, count: 0 };
        let window = self.windows.entry((writes, user)).or_insert(fresh);
        if now.duration_since(window.start) >= SignedDuration::from_secs(60) {
            *window = fresh;
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_sixty_first_write_of_a_minute_is_refused_and_the_next_minute_is_fresh() {
        let mut meter = Meter::default();
        for _ in 0..60 {
            assert_eq!(meter.charge("a", true, at(100)), Ok(()));
        }
        let quota = Quota { writes: true, per_user: true, limit: 60 };
        assert_eq!(meter.charge("a", true, at(159)), Err((quota, 100)));
        assert_eq!(meter.charge("a", false, at(159)), Ok(()));
        assert_eq!(meter.charge("b", true, at(159)), Ok(()));
        assert_eq!(meter.charge("a", true, at(160)), Ok(()));
    }

    #[test]
    fn all_users_together_share_the_projects_quota() {
        let limits = QuotaLimits { writes_per_project: 3, ..QuotaLimits::default() };
        let mut meter = Meter { limits: Some(limits), ..Meter::default() };
        let results: Vec<_> =
            ["a", "b", "c", "d"].map(|user| meter.charge(user, true, at(0)).is_ok()).into();
        assert_eq!(results, [true, true, true, false]);
        meter.reset(None);
        assert!((0..1000).all(|_| meter.charge("a", true, at(0)).is_ok()));
    }
}
