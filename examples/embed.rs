//! The whole tree inside an actix-web application, whose handler answers with the latest quote.
//!
//!     cargo run --example embed
//!
//! It needs no network: Kraken and Google are the sandbox. It asks itself once, prints the
//! answer and what is in the spreadsheet by then, and shuts down.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::{error::Error, io::Write as _, net::TcpListener, time::Duration};

use actix::{Actor, Addr, Context, Handler};
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use ratesheet::{
    AssetPair, Config, Event, GetStatus, QuoteField, Report, SheetConfig, Shutdown,
    SupervisorActor, sandbox::Sandbox,
};
use tokio::sync::oneshot;

const SPREADSHEET: &str = "1-the-spreadsheet-of-the-example";

/// `GET /quote/{pair}`: what the KrakenActor has brought last.
async fn quote(pair: web::Path<String>, tree: web::Data<Addr<SupervisorActor>>) -> impl Responder {
    let Ok(pair) = pair.parse::<AssetPair>() else { return HttpResponse::BadRequest().finish() };
    let Ok(status) = tree.send(GetStatus).await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let Some(quote) = status.kraken.quotes.get(&pair) else {
        return HttpResponse::NotFound().finish();
    };
    let text = |field| quote.number(field).map(|number| number.normalize().to_string());
    HttpResponse::Ok().json(serde_json::json!({
        "pair": pair.as_str(),
        "buy": text(QuoteField::Buy),
        "sell": text(QuoteField::Sell),
        "at": quote.at.to_string(),
    }))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sandbox, key) = sandbox()?;
    let config = at(&sandbox, Config::new()).credentials(key.path()).sheet(sheet(SPREADSHEET));

    let (written, first_write) = oneshot::channel();
    let watch = Watch(Some(written)).start().recipient();

    // The tree. It belongs to this thread; its address may go to any other.
    let tree = SupervisorActor::new(config).subscriber(watch).start();

    // The application.
    let data = web::Data::new(tree.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}/quote/XBT/EUR", listener.local_addr()?);
    let server = HttpServer::new(move || {
        App::new().app_data(data.clone()).route("/quote/{pair:.+}", web::get().to(quote))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);

    // What a client of it sees, once the sheet has been written for the first time.
    first_write.await?;
    let mut answer = awc::Client::default().get(&url).send().await.map_err(|e| e.to_string())?;
    println!("GET {url}\n{} {}", answer.status(), String::from_utf8_lossy(&answer.body().await?));
    println!("A1 is {}", sandbox.cell(SPREADSHEET, "Sheet 1", "A1").unwrap_or_default());

    // First the tree, so that a write in flight is finished; then whoever asks about it.
    tree.send(Shutdown).await?;
    handle.stop(true).await;
    serving.await??;
    Ok(())
}

/// What is written where, and how often.
fn sheet(spreadsheet: &str) -> SheetConfig {
    SheetConfig::new(spreadsheet, "Sheet 1")
        .every(Duration::from_secs(5))
        .cell("kraken:xbteur:sell", "A1")
        .cell("kraken:xbteur:buy", "A2")
        .problem("E1")
}

/// Listens to the tree: to learn of the first write, and should the tree ever give up.
struct Watch(Option<oneshot::Sender<()>>);

impl Actor for Watch {
    type Context = Context<Self>;
}

impl Handler<Event> for Watch {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            Event::Report(Report::Spreadsheet(report)) if report.writes > 0 => {
                // Nobody waits any more after the first.
                self.0.take().map(|written| written.send(()));
            }
            // The tree has stopped; this application goes on. `Restart` would start it afresh.
            Event::Escalated(why) => eprintln!("ratesheet has given up: {}", why.reason),
            _ => {}
        }
    }
}

/// A stand-in of Kraken and Google, a spreadsheet in it, and a key that opens nothing else.
fn sandbox() -> Result<(Sandbox, tempfile::NamedTempFile), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    sandbox.create_spreadsheet(SPREADSHEET, "An example", &[("Sheet 1", 100, 26)]);
    let mut key = tempfile::NamedTempFile::new()?;
    key.write_all(sandbox.service_account_key().as_bytes())?;
    Ok((sandbox, key))
}

/// Points a configuration at the sandbox. Leave this out, and the same code asks Kraken and Google.
fn at(sandbox: &Sandbox, mut config: Config) -> Config {
    config.kraken.url = sandbox.url();
    config.google.url = sandbox.url();
    config
}
