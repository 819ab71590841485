//! `ratesheet pairs`: what Kraken trades. Touches: what [`layers`](super::layers) reads, standard
//! output; Kraken, through the library.

use ratesheet::{Market, Markets, asset_pairs};

use super::{
    environment::Environment,
    exit::Exit,
    flags::Flags,
    layers, print_error,
    table::{count, table},
    tell, unloaded,
};

/// Which pairs.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the pairs that have this in one of their names, such as btc, or "doge eur"
    #[arg(long, short, value_name = "TEXT")]
    search: Option<String>,
}

/// Lists what Kraken trades.
pub(super) fn pairs(flags: &Flags, arguments: &Arguments) -> Exit {
    let (config, note) = match layers::load_upstream(&Environment::of_process(), flags) {
        Ok(loaded) => loaded,
        Err(error) => return unloaded(error.wrong()),
    };
    if let Some(note) = note {
        print_error(&format!("{note}\n"));
    }
    let asked = asset_pairs(&config.kraken, &config.tls);
    match actix_rt::System::new().block_on(asked) {
        Ok(markets) => list(&markets, arguments.search.as_deref().unwrap_or_default()),
        Err(failure) => {
            print_error(&format!("ratesheet pairs: {failure}.\n"));
            Exit::Unavailable
        }
    }
}

fn list(markets: &Markets, search: &str) -> Exit {
    let found = markets.search(search);
    if found.is_empty() {
        print_error(&nothing(markets, search));
        return Exit::Incomplete;
    }
    tell(&text(&found), Exit::Done)
}

fn text(found: &[&Market]) -> String {
    let header = ["NAME", "ALTNAME", "KEY", "ALSO"].map(str::to_owned);
    let rows = found.iter().map(|market| {
        let Market { name, altname, key, aliases, .. } = market;
        [name.clone(), altname.clone(), key.clone(), aliases.join(" ")]
    });
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    let example = found.first().map_or("xbteur", |market| &market.name).to_lowercase();
    let example = example.replacen('/', "", 1);
    let count = count(found.len(), "pair");
    format!(
        "{}\n{count}. Each of the names can stand in a key of \"data\", in upper or lower case, with \
         its slash or\nwithout it: \"kraken:{example}:sell\". `ratesheet fields` lists what comes \
         last.\n",
        table(&rows)
    )
}

fn nothing(markets: &Markets, search: &str) -> String {
    let search = search.escape_debug();
    let all = markets.all().len();
    match markets.did_you_mean(&search.to_string()) {
        Some(meant) => format!(
            "None of Kraken's {all} pairs has \"{search}\" in a name. Did you mean {}?\n",
            meant.name
        ),
        None => format!(
            "None of Kraken's {all} pairs has \"{search}\" in a name. Names are made of codes, such \
             as XBT or BTC for\nBitcoin: search for the code alone, and without --search all are \
             listed.\n"
        ),
    }
}
