//! The process that is soaked. Touches: processes, files of a folder of its own, `/proc`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use ratesheet::sandbox::Sandbox;

pub(crate) const ID: &str = "1-the-spreadsheet-that-is-soaked";

/// The service, the file that shows how much is alive in it, and where its probes listen.
#[derive(Debug)]
pub(crate) struct Soaked {
    process: Child,
    alive: PathBuf,
    pub(crate) probes: SocketAddr,
}

impl Soaked {
    /// A service of twenty prices in a hurry.
    pub(crate) fn start(sandbox: &Sandbox, folder: &Path, every: Duration) -> Self {
        let config = configure(sandbox, folder, every);
        let alive = folder.join("alive");
        fs::write(&alive, [0; 8]).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ratesheet"))
            .env("LD_PRELOAD", counter(folder))
            .env("ALIVE", &alive)
            .arg("-c")
            .arg(config)
            .args(["--log-level", "debug"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (found, address) = mpsc::channel();
        let log = BufReader::new(process.stderr.take().unwrap());
        // It is read to its end, so that nothing of it waits.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains("the probes listen") {
                    found.send(address_in(&line)).unwrap_or_default();
                }
            }
        });
        let probes = address.recv_timeout(Duration::from_secs(30)).unwrap();
        Self { process, alive, probes }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// How many bytes are alive on its heap.
    pub(crate) fn alive(&self) -> i64 {
        let alive = i64::from_ne_bytes(fs::read(&self.alive).unwrap().try_into().unwrap());
        assert_ne!(alive, 0, "what is alive is not counted: is the program linked statically?");
        alive
    }

    /// Processor time so far, in seconds: a clock tick of Linux's is a hundredth.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let after = stat.rsplit_once(") ").unwrap().1;
        let fields: Vec<&str> = after.split(' ').collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }
}

impl Drop for Soaked {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// `… the probes listen at 127.0.0.1:40123 …`
fn address_in(line: &str) -> SocketAddr {
    let address =
        |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()).parse::<SocketAddr>().ok();
    line.split([' ', '/']).find_map(address).unwrap()
}

/// Builds what counts what is alive.
fn counter(folder: &Path) -> PathBuf {
    let (source, library) = ("benches/soak/alive.c", folder.join("alive.so"));
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o"]).arg(&library);
    assert!(cc.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "{cc:?}");
    library
}

fn configure(sandbox: &Sandbox, folder: &Path, every: Duration) -> PathBuf {
    let pairs = [
        "xbteur", "xbtusd", "etheur", "ethusd", "soleur", "adaeur", "xrpeur", "doteur", "ltceur",
        "linkeur",
    ];
    let data: Vec<_> = pairs
        .iter()
        .zip(1..)
        .flat_map(|(pair, row)| {
            [
                format!("\"kraken:{pair}:buy\": \"A{row}\""),
                format!("\"kraken:{pair}:sell\": \"B{row}\""),
            ]
        })
        .collect();
    let (url, key, config) = (sandbox.url(), folder.join("key.json"), folder.join("config.json"));
    fs::write(&key, sandbox.service_account_key()).unwrap();
    let text = format!(
        r#"{{ "sheet": "{ID}:Sheet 1", "timeout": {}, "data": {{ {} }}, "updated": "D1", "problem": "E1",
              "credentials": {key:?}, "status": {{ "listen": "127.0.0.1:0" }},
              "kraken": {{ "url": "{url}", "deadline": 300, "requests_per_second": 500 }},
              "google": {{ "url": "{url}", "deadline": 300, "writes_per_minute": 60000 }},
              "retry": {{ "backoff_min": 10, "backoff_max": 200, "probe": 500 }} }}"#,
        every.as_millis(),
        data.join(", ")
    );
    fs::write(&config, text).unwrap();
    config
}
