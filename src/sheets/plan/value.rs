//! What a quote is in a cell: a number, always. Pure: no I/O, no clock, no randomness.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    messages::Failure,
    quote::{AssetPair, Quote, QuoteField},
};

/// The number that a field of a quote is in a cell; none of a time whose zone is unknown.
pub(super) fn value_of(
    quote: &Quote,
    pair: &AssetPair,
    field: QuoteField,
    zone: Option<&TimeZone>,
) -> Result<Option<f64>, Failure> {
    if field == QuoteField::Time {
        return Ok(zone.map(|zone| date_time(quote.at, zone)));
    }
    quote.cell_number(field).map(Some).ok_or_else(|| Failure::not_stated(pair, field))
}

/// A moment as a spreadsheet's date-time number: days since 30 December 1899, 00:00, in the
/// spreadsheet's time zone
/// (<https://developers.google.com/workspace/sheets/api/guides/formats#about_date_time_values>).
pub(super) fn date_time(at: Timestamp, zone: &TimeZone) -> f64 {
    const UNIX_EPOCH: f64 = 25_569.0;
    const SECONDS: f64 = 86_400.0;
    let offset = zone.to_offset(at).seconds();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits")]
    let seconds = at.as_millisecond() as f64 / 1_000.0;
    UNIX_EPOCH + (seconds + f64::from(offset)) / SECONDS
}
