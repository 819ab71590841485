//! Judges what the token endpoint sees.

use std::time::Duration;

use super::{
    broken::{Broken, Verdict, broken_if},
    excuses::{Excuses, ON_THE_WAY},
    failing::Failing,
    plan::{Plan, secs},
    request::Begun,
};

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// When the last was asked for, if there is one that may be used.
    asked: Option<Duration>,
    /// Google has not taken one since then.
    rejected: bool,
    pub(crate) failing: Failing,
}

impl Tokens {
    /// A token is asked for: there is none, or it is old, or Google does not take it.
    pub(crate) fn begins(&mut self, begun: &Begun, excuses: &Excuses, plan: &Plan) -> Verdict {
        let now = begun.at;
        let life = secs(plan.token_life);
        let old = |asked| now + (life / 4).min(secs(300)) + ON_THE_WAY >= asked + life;
        // A tree that has just gone has an account of its own.
        let needed = self.asked.is_none_or(old) || self.rejected || excuses.trees(now) > 1;
        self.rejected = false;
        broken_if(!needed, Broken::TokenStorm, || {
            format!("the one of {:?} is as good as new", self.asked)
        })?;
        self.failing.begins(now, &plan.config.retry.backoff)
    }

    /// Who asked begins anew, with an account of his own.
    pub(crate) fn begin_anew(&mut self) {
        self.asked = None;
        self.failing.ends();
    }

    /// A request for one has ended. Somebody may have asked who has just failed himself.
    pub(crate) fn ends(&mut self, begun: &Begun, now: Duration, good: bool, ill: bool) {
        self.asked = good.then_some(begun.at);
        if good || ill {
            self.failing.ends();
        } else {
            self.failing.fails(now);
        }
    }

    /// Google has not taken one; or one may have come too late, as the process stood still.
    pub(crate) const fn rejected(&mut self) {
        self.rejected = true;
    }
}
