//! A spreadsheet that can be written and not read: what is known goes on, and the rest is told.

use ratesheet::sandbox::{Fault, FaultRule, Service};

use crate::rig::{ONE, Process, Rig};

#[test]
fn cells_whose_place_only_a_reading_tells_do_not_stand_still_in_silence() {
    let rig = Rig::new();
    let trouble = FaultRule::new(Service::Sheets, Fault::status(503)).path("fields=properties");
    let trouble = rig.sandbox.inject(trouble);
    // One is in the first tab, whatever that is; the other says where it is.
    let sheet = format!(
        r#"{{ "sheet": "{ONE}", "timeout": 20,
        "data": {{ "kraken:xbteur:sell": ["A1", "'Sheet 1'!A2"] }} }}"#
    );
    let file = rig.file(&sheet);
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    process.says("the spreadsheet is not read, and nothing else tells where all of the cells are");
    rig.shows("A2");
    assert_eq!(rig.number("A1"), None);
    rig.sandbox.clear_fault(trouble);
    process.says("the spreadsheet is read again");
    rig.shows("A1");
    process.signal("TERM");
    let log = String::from_utf8(process.end().stderr).unwrap();
    assert_eq!(log.matches("the spreadsheet is not read").count(), 0, "it is told once: {log}");
}
