//! What was asked of the sandbox, in order. Data only.

use jiff::Timestamp;

/// Which of the stand-ins a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Kraken's public REST API: paths that begin with `/0/`.
    Kraken,
    /// Google's token endpoint: `/token`.
    Token,
    /// Google's metadata server: paths that begin with `/computeMetadata/`.
    Metadata,
    /// The Sheets API: paths that begin with `/v4/`.
    Sheets,
    /// Anything else: nobody should ask for it.
    Other,
}

impl Service {
    /// The service that answers a path.
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/0/") {
            Self::Kraken
        } else if path == "/token" {
            Self::Token
        } else if path.starts_with("/computeMetadata/") {
            Self::Metadata
        } else if path.starts_with("/v4/") {
            Self::Sheets
        } else {
            Self::Other
        }
    }
}

/// One request and what became of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Counts the requests, from 1.
    pub seq: u64,
    /// When it had arrived, its body included.
    pub at: Timestamp,
    /// The connection that it came by; connections are counted from 1.
    pub connection: u64,
    /// For which service it was.
    pub service: Service,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as they were sent, still percent-encoded.
    pub target: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; where it is no UTF-8, with replacement characters.
    pub body: String,
    /// The status of the reply. `None`: no head of a reply was ever sent (yet).
    pub status: Option<u16>,
    /// Whether the service carried it out: a write that was, is in the cells, whatever the
    /// client was told of it.
    pub applied: bool,
    /// The fault that met it.
    pub fault: Option<String>,
    /// When it began, on a clock that counts nothing but beginnings and ends of requests.
    pub started: u64,
    /// When it ended, on the same clock: its reply was complete or its connection was gone.
    /// `None`: it is still open.
    pub ended: Option<u64>,
    /// When it ended, on the wall.
    pub ended_at: Option<Timestamp>,
}

impl Entry {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The body, read as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The id of the spreadsheet that it is about.
    pub fn spreadsheet(&self) -> Option<&str> {
        let rest = self.path().strip_prefix("/v4/spreadsheets/")?;
        rest.split(['/', ':']).next().filter(|id| !id.is_empty())
    }

    /// Whether it changes, or would have changed, a spreadsheet.
    pub fn is_write(&self) -> bool {
        self.service == Service::Sheets && self.method != "GET"
    }

    /// Whether both were open at one time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before = |a: &Self, b: &Self| a.ended.is_some_and(|ended| ended < b.started);
        !before(self, other) && !before(other, self)
    }
}

/// The entries, and the clock that numbers their beginnings and ends.
#[derive(Debug)]
pub(super) struct Journal {
    entries: std::collections::VecDeque<Entry>,
    clock: u64,
    last_seq: u64,
    limit: usize,
}

impl Journal {
    /// How many entries are kept unless somebody says otherwise: hours of a fast test.
    const LIMIT: usize = 65_536;

    pub(super) fn new() -> Self {
        Self { entries: Default::default(), clock: 0, last_seq: 0, limit: Self::LIMIT }
    }

    /// Keeps an entry, after numbering it.
    pub(super) fn begin(&mut self, mut entry: Entry) -> u64 {
        self.clock += 1;
        self.last_seq += 1;
        entry.seq = self.last_seq;
        entry.started = self.clock;
        self.entries.push_back(entry);
        self.trim();
        self.last_seq
    }

    pub(super) fn end(&mut self, seq: u64, now: Timestamp) {
        self.clock += 1;
        let clock = self.clock;
        self.edit(seq, |entry| {
            entry.ended = Some(clock);
            entry.ended_at = Some(now);
        });
    }

    pub(super) fn edit(&mut self, seq: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            change(entry);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    fn trim(&mut self) {
        while self.entries.len() > self.limit {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(started: u64, ended: Option<u64>) -> Entry {
        Entry {
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            connection: 1,
            service: Service::Sheets,
            method: "POST".into(),
            target: "/v4/spreadsheets/abc/values:batchUpdate?alt=json".into(),
            headers: vec![("user-agent".into(), "x".into())],
            body: "{}".into(),
            status: None,
            applied: false,
            fault: None,
            started,
            ended,
            ended_at: None,
        }
    }

    #[test]
    fn requests_overlap_when_one_begins_before_the_other_has_ended() {
        let check = |a: (u64, Option<u64>), b: (u64, Option<u64>), expected: bool| {
            let (a, b) = (entry(a.0, a.1), entry(b.0, b.1));
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (expected, expected));
        };
        check((1, Some(2)), (3, Some(4)), false);
        check((1, Some(3)), (2, Some(4)), true);
        check((1, Some(4)), (2, Some(3)), true);
        check((1, None), (2, Some(3)), true);
        check((1, Some(2)), (3, None), false);
    }

    #[test]
    fn an_entry_knows_its_spreadsheet_and_its_headers() {
        let entry = entry(1, None);
        assert_eq!(entry.spreadsheet(), Some("abc"));
        assert_eq!(entry.header("User-Agent"), Some("x"));
        assert_eq!(entry.path(), "/v4/spreadsheets/abc/values:batchUpdate");
    }

    #[test]
    fn the_oldest_entries_go_when_there_are_too_many() {
        let mut journal = Journal::new();
        journal.set_limit(2);
        for _ in 0..3 {
            journal.begin(entry(0, None));
        }
        assert_eq!(journal.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3]);
    }
}
