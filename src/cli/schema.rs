//! `ratesheet schema`: the JSON Schema of the configuration. Touches: standard output.

use ratesheet::Config;

use super::{exit::Exit, print};

/// Prints the schema.
pub(super) fn schema() -> Exit {
    print(&Config::json_schema());
    Exit::Done
}
