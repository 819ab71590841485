//! `ratesheet schema`: the JSON Schema of the configuration. Touches: standard output.

use ratesheet::Config;

use super::{exit::Exit, tell};

/// Prints the schema.
pub(super) fn schema() -> Exit {
    tell(&Config::json_schema(), Exit::Done)
}
