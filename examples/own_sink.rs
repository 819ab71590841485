//! Quotes for a program of your own: a plain tokio application, the engine in a thread of its own,
//! and an actor of the application's where the spreadsheets would be.
//!
//!     cargo run --example own_sink
//!
//! It needs no network: Kraken is the sandbox. It prints three ticks as CSV, and ends.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{collections::BTreeMap, error::Error, thread, time::Duration};

use actix::{Actor, Context, Handler};
use ratesheet::{
    AssetPair, Feed, KrakenActor, KrakenConfig, QuoteBatch, QuoteField, RetryConfig, ScheduleActor,
    SheetIndex, TlsConfig, sandbox::Sandbox,
};
use tokio::sync::{mpsc, oneshot};

type Fallible<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Receives quotes in the engine's thread, and hands them to the application.
struct Sink(mpsc::Sender<QuoteBatch>);

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<QuoteBatch> for Sink {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, _: &mut Self::Context) {
        // Never wait here: an application that is too slow misses a batch, and gets the next.
        self.0.try_send(batch).unwrap_or_default();
    }
}

#[tokio::main]
async fn main() -> Fallible {
    let sandbox = Sandbox::start()?;
    let mut config = KrakenConfig::default();
    config.url = sandbox.url(); // leave this out, and it asks Kraken

    let (sender, mut batches) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel();
    let engine = thread::spawn(move || {
        actix_rt::System::new().block_on(engine(config, Sink(sender), stopped))
    });

    println!("at,pair,bid,ask");
    for _ in 0..3 {
        // The engine says why when it ends.
        let Some(batch) = batches.recv().await else { break };
        print(&batch);
    }
    // It may have ended by itself.
    stop.send(()).unwrap_or_default();
    engine.join().map_err(|_| "the engine has panicked")?
}

/// Everything that needs an actix system. It is gone when this returns.
async fn engine(config: KrakenConfig, sink: Sink, stopped: oneshot::Receiver<()>) -> Fallible {
    // A "sheet" is a set of pairs with a rhythm and a number, whatever they are for.
    let mine = SheetIndex(0);
    let pairs: Result<Vec<AssetPair>, _> =
        ["XBT/EUR", "ETH/EUR"].iter().map(|pair| pair.parse()).collect();
    let feed = Feed::new(BTreeMap::from([(mine, pairs?)]), sink.start().recipient());
    let kraken =
        KrakenActor::new(config, RetryConfig::default(), &TlsConfig::default())?.feed(feed).start();
    let every = Duration::from_secs(1);
    let _schedule = ScheduleActor::new([(mine, every)], kraken.recipient()).start();
    // Whether it was told, or whoever would tell has gone: it is over.
    stopped.await.or(Ok(()))
}

fn print(batch: &QuoteBatch) {
    for (pair, quote) in batch.quotes.iter() {
        let text = |field| quote.number(field).map(|number| number.normalize().to_string());
        let (bid, ask) = (text(QuoteField::Bid), text(QuoteField::Ask));
        println!("{},{pair},{},{}", quote.at, bid.unwrap_or_default(), ask.unwrap_or_default());
    }
}
