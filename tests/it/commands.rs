//! The small commands, as a person uses them: the real binary, in an empty folder.

use std::{fs, path::Path, process::Output};

use crate::rig::ratesheet;

/// What a command said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run_in(folder: &Path, arguments: &[&str]) -> Said {
    ratesheet(arguments).current_dir(folder).output().unwrap().into()
}

fn run(arguments: &[&str]) -> Said {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

#[test]
fn fields_are_listed_as_people_read_them() {
    let said = run(&["fields"]);
    assert_eq!(said.code, 0);
    for line in [
        "  buy (best ask)   what you pay: the best ask\n",
        "  sell (best bid)  what you get: the best bid\n",
        "  spread           ask - bid\n",
    ] {
        assert!(said.out.contains(line), "{}", said.out);
    }
}
