//! Kraken's public endpoints. Touches: the network, through `http`. Never: credentials.

use jiff::Timestamp;

use super::{
    KrakenConfig,
    error::KrakenError,
    markets::Markets,
    pairs::PairIndex,
    wire::{self, Tickers},
};
use crate::http::{Answer, Http, Tls, TlsError};

/// A ticker of every market is about 430 kB.
const TICKER_CAP: usize = 1024 * 1024;

/// The list of asset pairs is about 1.5 MB.
const ASSET_PAIRS_CAP: usize = 3 * 1024 * 1024;

/// Asks Kraken. Cheap to clone.
#[derive(Clone)]
pub(super) struct KrakenClient {
    http: Http,
    url: String,
}

impl KrakenClient {
    pub(super) fn new(config: &KrakenConfig, tls: &Tls) -> Result<Self, TlsError> {
        let url = config.url.trim_end_matches('/').to_owned();
        Ok(Self { http: Http::new(tls, config.deadline)?, url })
    }

    /// The tickers of these pairs, or of every pair if none is named, asked for at `at`.
    pub(super) async fn tickers(
        &self,
        names: &[String],
        at: Timestamp,
    ) -> Result<Tickers, KrakenError> {
        let mut url = format!("{}/0/public/Ticker", self.url);
        if !names.is_empty() {
            url.push_str("?pair=");
            // Names have letters, digits, '.', '/' and ':' only, all of which a query may have.
            url.push_str(&names.join(","));
        }
        let answer = self.get(&url, TICKER_CAP).await?;
        wire::tickers(&answer, at)
    }

    /// The names of every market.
    pub(super) async fn asset_pairs(&self) -> Result<PairIndex, KrakenError> {
        // The answer is gone before the index is made: each takes megabytes.
        let rows = wire::asset_pairs(&self.list().await?)?;
        Ok(PairIndex::new(&rows))
    }

    /// The list of every market, and how far Kraken's clock is ahead of this machine's.
    pub(super) async fn markets(&self) -> Result<Markets, KrakenError> {
        let answer = self.list().await?;
        let (rows, clock_ahead) = (wire::asset_pairs(&answer)?, answer.clock_ahead);
        drop(answer);
        Ok(Markets::new(&rows, clock_ahead))
    }

    async fn list(&self) -> Result<Answer, KrakenError> {
        self.get(&format!("{}/0/public/AssetPairs", self.url), ASSET_PAIRS_CAP).await
    }

    async fn get(&self, url: &str, cap: usize) -> Result<Answer, KrakenError> {
        let answer = self.http.get_packed(url, cap).await?;
        if answer.status == 200 { Ok(answer) } else { Err(KrakenError::from_status(&answer)) }
    }
}
