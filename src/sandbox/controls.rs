//! The knobs of the sandbox: prices, tokens, spreadsheets. Touches: the state alone.

#![expect(clippy::panic, reason = "a test that names what is not there is wrong itself")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Account, QuotaLimits, SERVICE_ACCOUNT, Sandbox, Ticker, Walk,
    sheets::{Cell, NamedRange, Span, Spreadsheet},
};

/// Kraken.
impl Sandbox {
    /// Kraken's keys of all pairs, delisted ones included, in order.
    pub fn pairs(&self) -> Vec<String> {
        self.inner.shared.read().kraken.keys()
    }

    /// The ticker of a pair, by any of its names.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn ticker(&self, pair: &str) -> Ticker {
        let state = self.inner.shared.read();
        let ticker = state.kraken.market(pair).map(|market| {
            let pinned = market.pinned.as_ref().and_then(Ticker::from_json);
            pinned.unwrap_or_else(|| market.ticker())
        });
        drop(state);
        ticker.unwrap_or_else(|| panic!("the sandbox has no pair {pair}"))
    }

    /// Sets the prices of a pair, each exactly as it is to go over the wire. They no longer walk.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn set_ticker(&self, pair: &str, ask: &str, bid: &str, last: &str) {
        self.edit_ticker(pair, |ticker| {
            ticker.a[0] = ask.into();
            ticker.b[0] = bid.into();
            ticker.c[0] = last.into();
        });
    }

    /// Changes anything in the ticker of a pair. It no longer walks.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn edit_ticker(&self, pair: &str, change: impl FnOnce(&mut Ticker)) {
        let mut ticker = self.ticker(pair);
        change(&mut ticker);
        self.set_ticker_json(pair, serde_json::to_value(ticker).unwrap_or_default());
    }

    /// Sets what goes over the wire in place of a pair's ticker, whatever it is.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn set_ticker_json(&self, pair: &str, json: Value) {
        self.market(pair, |market| market.pinned = Some(json));
    }

    /// Empties the ask side of a pair's book, as Kraken says it: a price of `0.000…`, volume `0`.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn empty_asks(&self, pair: &str) {
        self.edit_ticker(pair, |ticker| empty(&mut ticker.a));
    }

    /// Empties the bid side of a pair's book.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn empty_bids(&self, pair: &str) {
        self.edit_ticker(pair, |ticker| empty(&mut ticker.b));
    }

    /// Lets a pair walk again from where it was before it was set.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn release_ticker(&self, pair: &str) {
        self.market(pair, |market| market.pinned = None);
    }

    /// Takes a pair off the exchange: from now on it is unknown.
    ///
    /// # Panics
    /// When there never was such a pair.
    pub fn delist(&self, pair: &str) {
        self.market(pair, |market| market.delisted = true);
    }

    /// Takes a delisted pair back.
    ///
    /// # Panics
    /// When there never was such a pair.
    pub fn relist(&self, pair: &str) {
        self.market(pair, |market| market.delisted = false);
    }

    /// Says when prices move: with each request for tickers, unless something else is said.
    pub fn set_walk(&self, walk: Walk) {
        self.inner.shared.update(|state| state.kraken.set_walk(walk, Timestamp::now()));
    }

    /// Seeds the walk: equal seeds and equal requests give equal prices.
    pub fn seed(&self, seed: u64) {
        self.inner.shared.update(|state| state.kraken.seed(seed));
    }

    /// Sets what `SystemStatus` says: `online`, `maintenance`, `cancel_only`, `post_only`.
    pub fn set_system_status(&self, status: &str) {
        self.inner.shared.update(|state| state.kraken.set_status(status));
    }

    fn market(&self, pair: &str, change: impl FnOnce(&mut super::kraken::Market)) {
        let found = self.inner.shared.update(|state| state.kraken.market_mut(pair).map(change));
        found.unwrap_or_else(|| panic!("the sandbox has no pair {pair}"));
    }
}

fn empty(side: &mut [String; 3]) {
    let price = &mut side[0];
    *price = price.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let whole = price.split('.').next().map_or(0, str::len);
    *price = format!("0{}", price.get(whole..).unwrap_or_default());
    side[1] = "0".into();
    side[2] = "0.000".into();
}

/// The token endpoint and the metadata server.
impl Sandbox {
    /// The JSON of a service account's key file, whose `token_uri` is the sandbox's. Its private
    /// key opens nothing.
    pub fn service_account_key(&self) -> String {
        self.service_account_key_for(SERVICE_ACCOUNT)
    }

    /// The key file of another account: it has a write quota of its own. Its address must end with
    /// `.iam.gserviceaccount.com`.
    pub fn service_account_key_for(&self, email: &str) -> String {
        self.inner.shared.read().token.key_file(email)
    }

    /// An access token for spreadsheets, without the way over the endpoint.
    pub fn access_token(&self) -> String {
        self.inner.shared.update(|state| {
            let now = Timestamp::now().checked_add(state.skew).unwrap_or_default();
            state.token.grant(SERVICE_ACCOUNT, &["spreadsheets"], now)
        })
    }

    /// Says in whose name the machine runs whose metadata server this is: the service account's
    /// unless something else is said; nobody's with `None`.
    pub fn set_machine_identity(&self, email: Option<&str>) {
        let email = email.map(str::to_owned);
        self.inner.shared.update(|state| state.metadata.identity = email);
    }

    /// Bars all scopes but these (`cloud-platform`) from the tokens of the machine, whatever they
    /// are asked for.
    pub fn set_machine_scopes(&self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.inner.shared.update(|state| state.metadata.scopes = Some(scopes));
    }

    /// Makes every access token invalid that was given out so far.
    pub fn revoke_tokens(&self) {
        self.inner.shared.update(|state| state.token.revoke());
    }

    /// How many access tokens were given out so far.
    pub fn tokens_granted(&self) -> u64 {
        self.inner.shared.read().token.granted()
    }

    /// Says whether Google still knows the service account.
    pub fn set_account(&self, account: Account) {
        self.inner.shared.update(|state| state.token.account = account);
    }

    /// Says how long the next access tokens are good for: 3599 s unless something else is said.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.inner.shared.update(|state| state.token.lifetime = lifetime);
    }

    /// Puts the servers' clock ahead of the real one (or behind, when negative): what they check
    /// and say, their `Date` header included, not the journal.
    pub fn set_clock_skew(&self, skew: SignedDuration) {
        self.inner.shared.update(|state| state.skew = skew);
    }
}

/// Spreadsheets. A tab is named by its title.
impl Sandbox {
    /// Creates a spreadsheet that is shared with the service accounts, with these tabs (title,
    /// rows, columns). One that was there is replaced.
    pub fn create_spreadsheet(&self, id: &str, title: &str, tabs: &[(&str, u32, u32)]) {
        let tabs = owned(tabs);
        self.inner.shared.update(|state| state.sheets.create(id, title, &tabs));
    }

    /// Lets any well-formed id be a spreadsheet with these tabs as soon as somebody asks for it.
    pub fn auto_create(&self, tabs: &[(&str, u32, u32)]) {
        let tabs = owned(tabs);
        self.inner.shared.update(|state| state.sheets.auto_create = Some(tabs));
    }

    /// The ids of all spreadsheets.
    pub fn spreadsheets(&self) -> Vec<String> {
        self.inner.shared.read().sheets.spreadsheets.keys().cloned().collect()
    }

    /// What a cell (`A1`) holds: a number, a text, true or false; of a formula its result. `None`
    /// when it is empty, and when there is no such spreadsheet, tab or cell.
    pub fn cell(&self, id: &str, tab: &str, cell: &str) -> Option<Value> {
        let state = self.inner.shared.read();
        let tab = state.sheets.spreadsheets.get(id)?.tab(tab)?;
        let span = Span::parse(cell).filter(|span| span.single)?;
        Some(tab.value(span.top, span.left)?.to_value())
    }

    /// What a whole tab holds, row by row up to the last filled cell; empty cells are null.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn rows(&self, id: &str, tab: &str) -> Vec<Vec<Value>> {
        self.look(id, |sheet| {
            let tab = sheet.tab(tab)?;
            let mut rows: Vec<Vec<Value>> = Vec::new();
            for &(row, column) in tab.cells.keys() {
                rows.resize(row as usize + 1, Vec::new());
                if let Some(line) = rows.last_mut() {
                    line.resize(column as usize, Value::Null);
                    line.push(tab.value(row, column).map_or(Value::Null, |c| c.to_value()));
                }
            }
            Some(rows)
        })
        .unwrap_or_else(|| panic!("{}", no_tab(id, tab)))
    }

    /// Sets a cell as if a person typed it: `=A1*2` becomes a formula. An empty text empties it.
    ///
    /// # Panics
    /// When there is no such spreadsheet, tab or cell.
    pub fn set_cell(&self, id: &str, tab: &str, cell: &str, value: impl Into<Value>) {
        let (span, cell) = (rect(cell), Cell::typed(&value.into()));
        self.with_tab(id, tab, |tab| tab.set(span.top, span.left, cell));
    }

    /// The titles of the tabs, in order.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn tabs(&self, id: &str) -> Vec<String> {
        self.look(id, |sheet| sheet.tabs.iter().map(|tab| tab.title.clone()).collect())
    }

    /// The gid of a tab: 0 for the first that a spreadsheet was created with.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn gid(&self, id: &str, tab: &str) -> i64 {
        let gid = self.look(id, |sheet| sheet.tab(tab).map(|tab| tab.gid));
        gid.unwrap_or_else(|| panic!("{}", no_tab(id, tab)))
    }

    /// Adds a tab at the end.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn add_tab(&self, id: &str, title: &str, rows: u32, columns: u32) {
        self.with(id, |sheet| sheet.add_tab(title, rows, columns));
    }

    /// Gives a tab another title.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn rename_tab(&self, id: &str, tab: &str, title: &str) {
        self.with_tab(id, tab, |tab| tab.title = title.into());
    }

    /// Moves a tab to the front.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn move_tab_to_front(&self, id: &str, tab: &str) {
        self.with(id, |sheet| sheet.tabs.sort_by_key(|other| other.title != tab));
    }

    /// Deletes a tab.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn delete_tab(&self, id: &str, tab: &str) {
        self.with(id, |sheet| sheet.tabs.retain(|other| other.title != tab));
    }

    /// Hides a tab, or shows it again.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn hide_tab(&self, id: &str, tab: &str, hidden: bool) {
        self.with_tab(id, tab, |tab| tab.hidden = hidden);
    }

    /// Changes the size of a tab's grid; what lies outside is lost.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn resize(&self, id: &str, tab: &str, rows: u32, columns: u32) {
        self.with_tab(id, tab, |tab| tab.resize(rows, columns));
    }

    /// Inserts empty rows before a row, which is counted from 1: what lies below moves down, and
    /// named ranges with it.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn insert_rows(&self, id: &str, tab: &str, before: u32, count: u32) {
        self.with(id, |sheet| {
            let position = sheet.tabs.iter().position(|other| other.title == tab);
            sheet.insert_rows(position?, before.saturating_sub(1), count);
            Some(())
        })
        .unwrap_or_else(|| panic!("{}", no_tab(id, tab)));
    }

    /// Protects cells (`A1`, `A1:B2`) against writing.
    ///
    /// # Panics
    /// When there is no such spreadsheet, tab or cell.
    pub fn protect(&self, id: &str, tab: &str, cells: &str) {
        let span = rect(cells);
        self.with_tab(id, tab, |tab| {
            tab.protected.extend(span.clip(tab.rows, tab.columns));
        });
    }

    /// Takes all protection off a tab.
    ///
    /// # Panics
    /// When there is no such spreadsheet or tab.
    pub fn unprotect(&self, id: &str, tab: &str) {
        self.with_tab(id, tab, |tab| tab.protected.clear());
    }

    /// Gives cells (`A1`, `A1:B2`) of a tab a name, or the name other cells.
    ///
    /// # Panics
    /// When there is no such spreadsheet, tab or cell.
    pub fn set_named_range(&self, id: &str, name: &str, tab: &str, cells: &str) {
        let span = rect(cells);
        self.with(id, |sheet| {
            let at = sheet.tab(tab)?;
            let (gid, rect) = (at.gid, span.clip(at.rows, at.columns)?);
            sheet.names.retain(|named| named.name != name);
            let id = sheet.free_name_id();
            sheet.names.push(NamedRange { id, name: name.into(), gid, rect });
            Some(())
        })
        .unwrap_or_else(|| panic!("{}", no_tab(id, tab)));
    }

    /// Takes a name back.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn delete_named_range(&self, id: &str, name: &str) {
        self.with(id, |sheet| sheet.names.retain(|named| named.name != name));
    }

    /// Sets a spreadsheet's time zone: `Etc/UTC` unless something else is said.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn set_time_zone(&self, id: &str, zone: &str) {
        self.with(id, |sheet| sheet.time_zone = zone.into());
    }

    /// Sets a spreadsheet's locale: `en_US` unless something else is said. It is only told.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn set_locale(&self, id: &str, locale: &str) {
        self.with(id, |sheet| sheet.locale = locale.into());
    }

    /// Shares a spreadsheet with the service accounts again.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn share(&self, id: &str) {
        self.with(id, |sheet| sheet.shared = true);
    }

    /// No longer shares a spreadsheet with the service accounts: 403.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn unshare(&self, id: &str) {
        self.with(id, |sheet| sheet.shared = false);
    }

    /// Deletes a spreadsheet, to be [restored](Self::restore) perhaps: 404.
    ///
    /// # Panics
    /// When there is no such spreadsheet.
    pub fn trash(&self, id: &str) {
        self.with(id, |sheet| sheet.trashed = true);
    }

    /// Brings a deleted spreadsheet back as it was.
    ///
    /// # Panics
    /// When there never was such a spreadsheet.
    pub fn restore(&self, id: &str) {
        self.with(id, |sheet| sheet.trashed = false);
    }

    /// Sets the quotas, and begins to count afresh. `None` switches them off; Google's own are in
    /// force from the start.
    pub fn set_quota(&self, limits: Option<QuotaLimits>) {
        self.inner.shared.update(|state| state.sheets.set_quota(limits));
    }

    /// Disables the Sheets API in the project (403 `SERVICE_DISABLED`), or enables it.
    pub fn disable_sheets_api(&self, disabled: bool) {
        self.inner.shared.update(|state| state.sheets.disabled = disabled);
    }

    /// Reads only: whoever waits for a change is left in peace.
    fn look<T>(&self, id: &str, look: impl FnOnce(&Spreadsheet) -> T) -> T {
        let found = self.inner.shared.read().sheets.spreadsheets.get(id).map(look);
        found.unwrap_or_else(|| panic!("the sandbox has no spreadsheet {id}"))
    }

    fn with<T>(&self, id: &str, act: impl FnOnce(&mut Spreadsheet) -> T) -> T {
        let done = self.inner.shared.update(|state| state.sheets.spreadsheets.get_mut(id).map(act));
        done.unwrap_or_else(|| panic!("the sandbox has no spreadsheet {id}"))
    }

    fn with_tab<T>(
        &self,
        id: &str,
        tab: &str,
        act: impl FnOnce(&mut super::sheets::Tab) -> T,
    ) -> T {
        let done = self.with(id, |sheet| sheet.tab_mut(tab).map(act));
        done.unwrap_or_else(|| panic!("{}", no_tab(id, tab)))
    }
}

fn no_tab(id: &str, tab: &str) -> String {
    format!("spreadsheet {id} of the sandbox has no such cells, or no tab {tab}")
}

fn rect(cells: &str) -> Span {
    Span::parse(cells).unwrap_or_else(|| panic!("{cells} is no cell"))
}

fn owned(tabs: &[(&str, u32, u32)]) -> Vec<(String, u32, u32)> {
    tabs.iter().map(|&(title, rows, columns)| (title.to_owned(), rows, columns)).collect()
}
