//! The calls to the Sheets API that there are. Touches: the network, through `http`.
//! Never: a token of its own, which comes with each call.

use jiff::SignedDuration;

use super::{
    GoogleConfig,
    auth::AccessToken,
    error::SheetsError,
    wire::{self, CellHolds, Properties, ValueRange},
};
use crate::http::{Answer, Http, Tls, TlsError};

/// No answer of the Sheets API that concerns us is larger.
const ANSWER_CAP: usize = 256 * 1024;

/// The tabs and the names of a spreadsheet: a name takes some 150 bytes where nothing is indented.
const PROPERTIES_CAP: usize = 512 * 1024;

/// What is in some cells. One holds 50,000 characters at the most, each of which takes six bytes
/// at the worst, as `\u003c` does: it is never too large. Many may be, and are asked for in halves.
const CONTENTS_CAP: usize = 512 * 1024;

/// Asks Google. Cheap to clone.
#[derive(Clone)]
pub(super) struct SheetsClient {
    http: Http,
    url: String,
}

impl SheetsClient {
    pub(super) fn new(config: &GoogleConfig, tls: &Tls) -> Result<Self, TlsError> {
        let url = config.url.trim_end_matches('/').to_owned();
        Ok(Self { http: Http::new(tls, config.deadline)?, url })
    }

    /// Where Google is looked for.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The titles, sizes and names that a spreadsheet has.
    pub(super) async fn properties(
        &self,
        token: &AccessToken,
        spreadsheet: &str,
    ) -> Result<Properties, SheetsError> {
        self.spreadsheet(token, spreadsheet).await.map(|(properties, _)| properties)
    }

    /// The same, and how far Google's clock is ahead of this machine's.
    pub(super) async fn spreadsheet(
        &self,
        token: &AccessToken,
        spreadsheet: &str,
    ) -> Result<(Properties, Option<SignedDuration>), SheetsError> {
        let mask = wire::PROPERTIES_MASK;
        let url =
            format!("{}/v4/spreadsheets/{spreadsheet}?fields={mask}&prettyPrint=false", self.url);
        let answer = self.http.get(&url, Some(token.secret()), PROPERTIES_CAP).await?;
        let answer = success(answer)?;
        let properties = wire::properties(&answer);
        let properties = properties.ok_or_else(|| SheetsError::NotGoogle(answer.describe()))?;
        Ok((properties, answer.clock_ahead))
    }

    /// What is in each of these cells.
    pub(super) async fn contents(
        &self,
        token: &AccessToken,
        spreadsheet: &str,
        cells: &[String],
    ) -> Result<Vec<CellHolds>, SheetsError> {
        let query = wire::contents_query(cells);
        let url = format!("{}/v4/spreadsheets/{spreadsheet}/values:batchGet?{query}", self.url);
        let answer = success(self.http.get(&url, Some(token.secret()), CONTENTS_CAP).await?)?;
        let contents = wire::contents(&answer, cells.len());
        contents.ok_or_else(|| SheetsError::NotGoogle(answer.describe()))
    }

    /// Writes all of these cells or none, and returns how many Google confirms.
    pub(super) async fn batch_update(
        &self,
        token: &AccessToken,
        spreadsheet: &str,
        ranges: &[ValueRange],
    ) -> Result<usize, SheetsError> {
        // Of the answer, the number alone: a line for each cell would be megabytes.
        let url = format!(
            "{}/v4/spreadsheets/{spreadsheet}/values:batchUpdate?fields=totalUpdatedCells",
            self.url
        );
        let body = wire::batch_update(ranges);
        let answer = self.http.post_json(&url, token.secret(), body, ANSWER_CAP).await?;
        let answer = success(answer)?;
        wire::updated_cells(&answer).ok_or_else(|| SheetsError::NotGoogle(answer.describe()))
    }
}

fn success(answer: Answer) -> Result<Answer, SheetsError> {
    if answer.status == 200 { Ok(answer) } else { Err(SheetsError::from_answer(&answer)) }
}
