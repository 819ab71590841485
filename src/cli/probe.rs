//! The probes of `ratesheet check --online`: Kraken and Google are asked, and never told.
//! Touches: the key's file, standard error; Kraken and Google, through the library.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use ratesheet::{
    Account, AssetPair, CellContent, CellHolds, Config, FailureClass, FoundCell, InspectedCell,
    Inspection, SheetConfig, SheetIndex, asset_pairs,
};

use super::{
    credentials::{Unusable, identity},
    findings::{Findings, Note, Weight, listed, roughly},
    print_error,
    table::count,
};

/// A clock that is off by no more is right.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(10);

/// So many reads are made before somebody wants to know how long it takes.
const MANY_READS: usize = 10;

/// How far a server's clock is ahead of this machine's, and whose it is.
type Clock = (&'static str, SignedDuration);

/// Asks Kraken and Google about everything that the configuration names.
pub(super) fn probe(config: &Config) -> Findings {
    let mut findings = Findings::default();
    actix_rt::System::new().block_on(async {
        let kraken = kraken(config, &mut findings).await.map(|ahead| ("Kraken's", ahead));
        let mut clocks: Vec<Clock> = kraken.into_iter().collect();
        if !config.sheets.is_empty() {
            google(config, &mut findings, &mut clocks).await;
        }
        clock(&clocks, &mut findings);
    });
    findings
}

/// Whether Kraken knows every pair.
async fn kraken(config: &Config, findings: &mut Findings) -> Option<SignedDuration> {
    let markets = match asset_pairs(&config.kraken, &config.tls).await {
        Ok(markets) => markets,
        Err(failure) => {
            findings.row("Kraken", "no list of pairs".into(), vec![failure.into()]);
            return None;
        }
    };
    let mut pairs: BTreeMap<&AssetPair, Vec<(usize, String)>> = BTreeMap::new();
    for (index, sheet) in config.sheets.iter().enumerate() {
        for mapping in &sheet.cells {
            let cell = (index, config.cell_name(sheet, &mapping.cell));
            pairs.entry(&mapping.pair).or_default().push(cell);
        }
    }
    let mut notes = Vec::new();
    for (pair, cells) in &pairs {
        let Err(failure) = markets.find(pair) else { continue };
        cells.iter().for_each(|(sheet, cell)| findings.lose(*sheet, cell));
        let cells: Vec<_> = cells.iter().map(|(_, cell)| cell.clone()).collect();
        let mut note = Note::from(failure);
        note.reason.push_str(&format!(": {} will not be written", listed(&cells)));
        notes.push(note);
    }
    let known = pairs.len() - notes.len();
    let result = match pairs.len() {
        0 => "there are no pairs to ask for".into(),
        1 if known == 1 => "the pair is traded".into(),
        all if all == known => format!("all {all} pairs are traded"),
        all => format!(
            "{known} of {} {} traded",
            count(all, "pair"),
            if known == 1 { "is" } else { "are" }
        ),
    };
    findings.row("Kraken", result, notes);
    markets.clock_ahead()
}

/// Whether the account is let in, and what the spreadsheets are like.
async fn google(config: &Config, findings: &mut Findings, clocks: &mut Vec<Clock>) {
    let account = match sign_in(config).await {
        Ok((account, email)) => {
            findings.row("Google", format!("signed in as {email}"), Vec::new());
            account
        }
        Err((result, note)) => {
            if note.weight != Weight::Unavailable {
                config
                    .sheets
                    .iter()
                    .enumerate()
                    .for_each(|(at, sheet)| lose(findings, config, at, sheet));
            }
            findings.row("Google", result.into(), vec![note]);
            return;
        }
    };
    let mut spreadsheets: BTreeMap<_, Vec<(SheetIndex, &SheetConfig)>> = BTreeMap::new();
    for (index, sheet) in config.sheets.iter().enumerate() {
        spreadsheets.entry(&sheet.spreadsheet).or_default().push((SheetIndex(index), sheet));
    }
    announce(config, spreadsheets.len());
    for (id, sheets) in spreadsheets {
        match account.inspect(id, &sheets).await {
            Ok(inspection) => {
                clocks.extend(inspection.clock_ahead.map(|ahead| ("Google's", ahead)));
                spreadsheet(id.as_str(), &inspection, findings);
            }
            Err(failure) => {
                let note = Note::from(failure);
                if note.weight == Weight::Stops {
                    sheets.iter().for_each(|(index, sheet)| lose(findings, config, index.0, sheet));
                }
                findings.row(id.as_str(), "it cannot be read".into(), vec![note]);
            }
        }
    }
}

/// Gets a token with the configured credentials.
async fn sign_in(config: &Config) -> Result<(Account, String), (&'static str, Note)> {
    let unusable = |error: Unusable| {
        let weight = match error {
            Unusable::Missing => Weight::Config,
            _ => Weight::Credentials,
        };
        let (reason, remedy) = error.words();
        ("not asked", Note::new(weight, reason, remedy))
    };
    identity(config).map_err(unusable)?;
    let missing = || unusable(Unusable::Missing);
    let credentials = config.credentials.clone().ok_or_else(missing)?;
    let account = Account::new(credentials, &config.google, config.retry, &config.tls);
    let account =
        account.map_err(|error| ("not asked", Note::new(Weight::Config, error.to_string(), "")))?;
    match account.sign_in().await {
        Ok(email) => Ok((account, email)),
        Err(failure) => {
            let verdict = match failure.class {
                FailureClass::Credentials | FailureClass::Clock => "it does not let the account in",
                _ => "it gives no access token",
            };
            Err((verdict, failure.into()))
        }
    }
}

/// Says how long it takes, if it takes long.
fn announce(config: &Config, spreadsheets: usize) {
    let cells: usize = config.sheets.iter().map(|sheet| sheet.targets().count()).sum();
    let reads = 2 * spreadsheets + cells / 100;
    let a_minute = config.google.writes_per_minute as usize;
    if reads > MANY_READS && reads * 6 > a_minute {
        let minutes = reads.div_ceil(a_minute.max(1));
        print_error(&format!(
            "Google is asked {reads} times, {a_minute} times a minute: it takes some {minutes} min.\n"
        ));
    }
}

/// What was found in a spreadsheet.
fn spreadsheet(id: &str, inspection: &Inspection, findings: &mut Findings) {
    let mut notes = not_there(inspection);
    let there: Vec<_> = inspection
        .cells
        .iter()
        .filter_map(|cell| Some((cell, cell.found.as_ref().ok()?)))
        .collect();
    for cell in inspection.cells.iter().filter(|cell| cell.found.is_err()) {
        findings.lose(cell.sheet.0, &cell.cell);
    }
    notes.extend(formulas(&there));
    notes.extend(texts(&there));
    notes.extend(ranges(&there));
    notes.extend(namesakes(&there));
    let (all, there) = (inspection.cells.len(), there.len());
    let result = match all {
        1 if there == 1 => "the cell is there".into(),
        _ if there == all => format!("all {all} cells are there"),
        _ => format!("{there} of {all} cells are there"),
    };
    findings.row(id, result, notes);
}

/// The cells that cannot be written to: a note for each reason.
fn not_there(inspection: &Inspection) -> Vec<Note> {
    let mut reasons: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for cell in &inspection.cells {
        if let Err(failure) = &cell.found {
            let reason = (failure.reason.as_str(), failure.remedy.as_str());
            reasons.entry(reason).or_default().push(cell.cell.clone());
        }
    }
    let note = |((reason, remedy), cells): ((&str, &str), Vec<String>)| {
        let told = format!("{reason}: {} will not be written", listed(&cells));
        Note::new(Weight::Stops, told, remedy)
    };
    reasons.into_iter().map(note).collect()
}

type There<'a> = [(&'a InspectedCell, &'a FoundCell)];

/// The cells with a formula in them.
fn formulas(there: &There<'_>) -> Option<Note> {
    held(there, "a formula", |_, found| match &found.holds {
        CellHolds::Formula(formula) => Some(formula),
        _ => None,
    })
}

/// The cells with a text in them; that of a `problem` cell is ratesheet's own.
fn texts(there: &There<'_>) -> Option<Note> {
    held(there, "a text", |cell, found| match &found.holds {
        CellHolds::Text(text) if cell.content != CellContent::Problem => Some(text),
        _ => None,
    })
}

fn held<'a>(
    there: &There<'a>,
    what: &str,
    which: impl Fn(&InspectedCell, &'a FoundCell) -> Option<&'a String>,
) -> Option<Note> {
    let held = there.iter().filter_map(|(cell, found)| Some((cell, which(cell, found)?)));
    let (cells, held): (Vec<String>, Vec<&String>) =
        held.map(|(cell, held)| (cell.cell.clone(), held)).unzip();
    let example = clip(held.first()?);
    let names = listed(&cells);
    let reason = match cells.len() {
        1 => format!("{names} holds {what}, {example}, which the first write replaces"),
        _ => format!("{names} hold {what} each, such as {example}, which the first write replaces"),
    };
    let remedy = "Choose other cells, unless that is what you want: best is a tab of ratesheet's \
                  own, at which formulas elsewhere point";
    Some(Note::new(Weight::Warning, reason, remedy))
}

fn clip(text: &str) -> String {
    const MOST: usize = 40;
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(MOST).collect();
    if chars.next().is_some() { format!("{short}…") } else { short }
}

/// Named ranges of more than one cell.
fn ranges(there: &There<'_>) -> Vec<Note> {
    let several = there.iter().filter(|(_, found)| {
        let (_, place) = found.range.rsplit_once('!').unwrap_or(("", &found.range));
        place.contains(':')
    });
    let note = |(cell, found): &(&InspectedCell, &FoundCell)| {
        let reason = format!(
            "{} is a range of several cells, {}, of which the first alone is written",
            cell.cell, found.range
        );
        Note::new(Weight::Warning, reason, "Give the name to a single cell")
    };
    several.map(note).collect()
}

/// Cells that are called like something else, and perhaps not what is meant.
fn namesakes(there: &There<'_>) -> Vec<Note> {
    let note = |(cell, _): &(&InspectedCell, &FoundCell)| {
        let reason = format!("{} is a cell, and there is {}", cell.cell, cell.namesake.as_ref()?);
        Some(Note::new(Weight::Warning, reason, ""))
    };
    there.iter().filter_map(note).collect()
}

/// Whether this machine's clock is right, as far as the servers know.
fn clock(clocks: &[Clock], findings: &mut Findings) {
    let Some(&(whose, ahead)) = clocks.iter().max_by_key(|(_, ahead)| ahead.abs()) else {
        findings.row("Clock", "not known".into(), Vec::new());
        return;
    };
    if ahead.abs() <= CLOCK_TOLERANCE {
        let mut whose: Vec<_> = clocks.iter().map(|(whose, _)| *whose).collect();
        whose.dedup();
        findings.row("Clock", format!("agrees with {}", whose.join(" and ")), Vec::new());
        return;
    }
    let off = roughly(ahead.unsigned_abs());
    let (way, result) = match ahead.is_positive() {
        true => ("behind", format!("{off} slow")),
        false => ("ahead of", format!("{off} fast")),
    };
    let note = Note::new(
        Weight::Warning,
        format!("This machine's clock is {off} {way} {whose}"),
        "Set it, or have it set by NTP: with a wrong time Google rejects the key, and the times in \
         cells are wrong by as much",
    );
    findings.row("Clock", result, vec![note]);
}

/// Counts every cell of a sheet as lost.
fn lose(findings: &mut Findings, config: &Config, index: usize, sheet: &SheetConfig) {
    for (cell, _) in sheet.targets() {
        findings.lose(index, &config.cell_name(sheet, cell));
    }
}
