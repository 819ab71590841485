//! Judges what the token endpoint sees.

use std::time::Duration;

use super::{
    broken::{Broken, Verdict, broken_if},
    excuses::Excuses,
    lately::{Failing, Lately, MINUTE},
    plan::Plan,
    request::Begun,
};

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    asked: Lately,
    /// Requests to Google that failed: a token may be what they lacked.
    failures: Lately,
    /// Tokens that were asked for since one was last of use.
    useless: Failing,
}

impl Tokens {
    /// A token is asked for.
    pub(crate) fn begins(&mut self, begun: &Begun, excuses: &Excuses, plan: &Plan) -> Verdict {
        let now = begun.at;
        self.asked.note(now);
        let asked = self.asked.within(now, MINUTE);
        let most = 1
            + MINUTE.as_secs().div_ceil(plan.token_life) as usize
            + 2 * excuses.trees(now)
            + self.failures.within(now, 2 * MINUTE);
        broken_if(asked > most, Broken::TokenStorm, || format!("{asked} asked for in a minute"))?;
        let books = plan.spreadsheets.len();
        let storms = self.useless.storms(now, plan.config.retry.backoff.max, books);
        broken_if(storms, Broken::TokenStorm, || "one after the other, all of no use".into())
    }

    /// Who asked begins anew.
    pub(crate) fn begin_anew(&mut self) {
        self.useless.ends();
    }

    /// A request with a token, or for one, has ended.
    pub(crate) fn ends(&mut self, now: Duration, with_one: bool, good: bool) {
        if !good {
            self.failures.note(now);
        } else if with_one {
            self.useless.ends();
        }
    }
}
