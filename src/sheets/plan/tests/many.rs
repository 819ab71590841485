//! Tests of a plan that is as large as may be: what it takes, it takes of a turn of the loop.

use super::*;

/// So many cells are the most, and each may be of a sheet of its own.
const MANY: usize = 20_000;

/// Without optimization it takes some tenths of a second.
const BOUND: Duration = Duration::from_secs(4);

#[test]
fn as_many_sheets_as_cells_take_no_more_than_their_number() {
    let one = |n: usize| {
        let pair = AssetPair::parse("xbteur").unwrap();
        let cell = CellRef::Cell { tab: None, column: 1, row: n as u32 + 1 };
        let mut sheet = sheet();
        sheet.cells.push(CellMapping { cell, pair, field: QuoteField::Bid });
        (SheetIndex(n), sheet)
    };
    let sheets: Vec<_> = (0..MANY).map(one).collect();
    let mut plan = Plan::new(&sheets, Duration::from_secs(10));
    let batch = QuoteBatch {
        tick: 1,
        due: (0..MANY).map(SheetIndex).collect(),
        quotes: Arc::default(),
        missing: Arc::new([(AssetPair::parse("xbteur").unwrap(), unknown("xbteur"))].into()),
    };
    let begun = Instant::now();
    plan.apply(&batch, begun);
    plan.locate(&properties(&["Sheet 1"]), begun + Duration::from_secs(300));
    let failing = plan.report().iter().filter(|cell| cell.failing.is_some()).count();
    assert_eq!(failing, MANY);
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}
