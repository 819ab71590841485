//! Where something was said in a configuration, for whoever finds out after the reading that it is
//! of no use, since a file that it names is none. Pure: no I/O, no clock, no randomness.

use super::{
    ConfigError,
    problem::{ConfigProblem, Mistakes, Place},
    scalar::Refusal,
};

/// Where something was said, if it was read and not built in code. It is no part of what was said:
/// any two are equal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Option<(Place, String)>);

impl Said {
    /// Said at this place, and at this path.
    pub(super) fn at(place: Place, path: &str) -> Self {
        Self(Some((place, path.to_owned())))
    }

    /// That it is of no use, in the configuration with this name; `path` is its path in code.
    pub(crate) fn refused(&self, name: &str, path: &str, refusal: Refusal) -> ConfigError {
        let in_code = ConfigProblem::in_code(path, refusal);
        let problem = match self.0.clone() {
            Some((place, path)) => ConfigProblem { place, path, ..in_code },
            None => in_code,
        };
        let mut mistakes = Mistakes::default();
        mistakes.push(problem);
        mistakes.into_error(name)
    }
}

impl PartialEq for Said {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Said {}
