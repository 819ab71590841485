//! One room alone: the KrakenActor, asked for quotes by a tick, with a receiver of our own.
//!
//!     cargo run --example kraken_only
//!
//! It needs no network: Kraken is the sandbox. Nothing here knows of Google.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{collections::BTreeMap, error::Error};

use actix::{Actor, Context, Handler};
use ratesheet::{
    AssetPair, Feed, KrakenActor, KrakenConfig, QuoteBatch, QuoteField, RetryConfig, SheetIndex,
    Tick, TlsConfig, sandbox::Sandbox,
};
use tokio::sync::oneshot;

/// Receives quotes. In your application this is whoever needs them.
struct Receiver(Option<oneshot::Sender<()>>);

impl Actor for Receiver {
    type Context = Context<Self>;
}

impl Handler<QuoteBatch> for Receiver {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, _: &mut Self::Context) {
        for (pair, quote) in batch.quotes.iter() {
            for field in [QuoteField::Buy, QuoteField::Sell, QuoteField::Change] {
                if let Some(number) = quote.number(field) {
                    println!("{pair} {field}: {}", number.normalize());
                }
            }
        }
        // What is not to be had comes with its reason, and holds up nothing else.
        for (pair, failure) in batch.missing.iter() {
            println!("{pair}: {failure}");
        }
        self.0.take().map(|done| done.send(()));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    actix_rt::System::new().block_on(ask())
}

async fn ask() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let mut config = KrakenConfig::default();
    config.url = sandbox.url(); // leave this out, and it asks Kraken

    // A "sheet" is a set of pairs with a number, whatever they are for.
    let mine = SheetIndex(0);
    let pairs: Result<Vec<AssetPair>, _> =
        ["XBT/EUR", "etheur", "dogeeur", "xbteru"].iter().map(|pair| pair.parse()).collect();

    let (done, received) = oneshot::channel();
    let sheets = BTreeMap::from([(mine, pairs?)]);
    let feed = Feed::new(sheets, Receiver(Some(done)).start().recipient());
    let kraken =
        KrakenActor::new(config, RetryConfig::default(), &TlsConfig::default())?.feed(feed).start();

    // Ticks come from wherever you like; `ScheduleActor` sends them at a steady pace.
    kraken.send(Tick::new(1, vec![mine])).await?;
    received.await?;
    Ok(())
}
