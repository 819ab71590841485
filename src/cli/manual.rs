//! The manual pages, made of what the arguments say of themselves. They are made where ratesheet is
//! packaged, by the test in here: the program itself has no use for what makes them.

use std::path::PathBuf;

use clap::CommandFactory as _;

use super::Arguments;

/// Names the folder that the test is to leave the pages in: `deploy/package.sh` does.
const FOLDER: &str = "RATESHEET_MANUAL";

#[test]
fn the_manual_has_a_page_for_every_command_with_every_option() {
    let unkept = tempfile::tempdir().unwrap();
    let folder = std::env::var_os(FOLDER).map_or(unkept.path().to_owned(), PathBuf::from);
    clap_mangen::generate_to(Arguments::command(), &folder).unwrap();
    let page = |name: String| {
        let text = std::fs::read_to_string(folder.join(name + ".1")).unwrap();
        text.replace(r"\-", "-")
    };
    let whole = page("ratesheet".into());
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        assert!(whole.contains(&format!("ratesheet-{name}(1)")), "{name}");
        let text = page(format!("ratesheet-{name}"));
        for option in command.get_opts().filter_map(clap::Arg::get_long) {
            assert!(text.contains(&format!("--{option}")), "{name}: {option}");
        }
    }
}
