//! What the service manager is told, over a socket as systemd makes one.

use std::{
    os::unix::net::{SocketAddr, UnixDatagram},
    time::Duration,
};

use ratesheet::sandbox::{Entry, Fault, Service};
use tempfile::TempDir;

use crate::rig::{ONE, Process, Rig, SOON, in_flight, price_in, ratesheet};

/// A service manager, and a service that it has started.
struct Managed {
    socket: UnixDatagram,
    process: Process,
    file: tempfile::NamedTempFile,
    _folder: TempDir,
}

impl Managed {
    /// A service that is to be heard of at least so often.
    fn start(rig: &Rig, patience: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        Self::heard_at(
            rig,
            UnixDatagram::bind(&path).unwrap(),
            path.to_str().unwrap(),
            patience,
            folder,
        )
    }

    fn heard_at(
        rig: &Rig,
        socket: UnixDatagram,
        name: &str,
        patience: Duration,
        folder: TempDir,
    ) -> Self {
        socket.set_read_timeout(Some(SOON)).unwrap();
        let file = rig.file(&price_in(ONE, "A1"));
        let mut command = ratesheet(&["-c", file.path().to_str().unwrap()]);
        command.env("NOTIFY_SOCKET", name).env("WATCHDOG_USEC", patience.as_micros().to_string());
        Self { socket, process: Process::of(command), file, _folder: folder }
    }

    /// The next message.
    fn hears(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.socket.recv(&mut bytes).expect("the manager hears nothing");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message that is not about being alive.
    fn hears_news(&self) -> String {
        loop {
            let message = self.hears();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }
}

const SELDOM: Duration = Duration::from_secs(600);

#[test]
fn the_service_manager_is_told_of_the_start_each_reload_and_the_stop() {
    let rig = Rig::new();
    let managed = Managed::start(&rig, SELDOM);
    assert_eq!(managed.hears_news(), "READY=1");

    let new = rig.file(&price_in(ONE, "B1"));
    std::fs::copy(new.path(), managed.file.path()).unwrap();
    managed.process.signal("HUP");
    let reloading = managed.hears_news();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(since.parse::<u64>().unwrap() > 0);
    assert_eq!(managed.hears_news(), "READY=1");

    std::fs::write(managed.file.path(), "{ broken").unwrap();
    managed.process.signal("HUP");
    assert!(managed.hears_news().starts_with("RELOADING=1\n"));
    assert_eq!(managed.hears_news(), "READY=1", "the old configuration is at work");

    managed.process.signal("TERM");
    assert_eq!(managed.hears_news(), "STOPPING=1");
    let Managed { socket, process, .. } = managed;
    assert_eq!(process.end().status.code(), Some(0));
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 256]).is_err(), "it is told something after the end");
}

#[test]
fn of_two_reloads_at_once_the_service_manager_is_told_when_the_last_tree_stands() {
    let rig = Rig::new();
    let managed = Managed::start(&rig, SELDOM);
    assert_eq!(managed.hears_news(), "READY=1");
    // The tree that is at work takes its time to stop.
    rig.sandbox.fault(Service::Sheets, Fault::Hang);
    assert!(rig.sandbox.wait_for_blocking(in_flight, SOON).is_ok(), "no write hangs");
    for _ in 0..2 {
        managed.process.signal("HUP");
        assert!(managed.hears_news().starts_with("RELOADING=1\n"));
    }
    assert_eq!(managed.hears_news(), "READY=1");
    managed.process.signal("TERM");
    assert_eq!(managed.hears_news(), "STOPPING=1", "it was ready before");
}

#[test]
fn the_service_manager_hears_of_it_as_long_as_the_loop_turns() {
    let rig = Rig::new();
    let managed = Managed::start(&rig, Duration::from_millis(400));
    // Whatever Google does.
    rig.sandbox.fault(Service::Sheets, Fault::Hang);
    for _ in 0..5 {
        while managed.hears() != "WATCHDOG=1" {}
    }
    // A process that stands still says nothing: what was on its way is read first.
    managed.process.signal("STOP");
    managed.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut quiet = false;
    for _ in 0..10 {
        quiet = quiet || managed.socket.recv(&mut [0; 256]).is_err();
    }
    managed.process.signal("CONT");
    assert!(quiet, "it is said to be alive by something that does not share its loop");
}

#[test]
fn a_service_manager_that_does_not_listen_is_not_waited_for() {
    let rig = Rig::new();
    // Far more messages than a socket holds that nobody reads.
    let managed = Managed::start(&rig, Duration::from_millis(2));
    let writes = |rig: &Rig| rig.sandbox.journal().iter().filter(|e: &&Entry| e.is_write()).count();
    let held = rig.sandbox.wait_for_blocking(|_| writes(&rig) >= 100, SOON);
    assert!(held.is_ok(), "it waits for the service manager");
    managed.process.signal("TERM");
    assert_eq!(managed.process.end().status.code(), Some(0));
}

#[test]
fn a_service_manager_that_cannot_be_talked_to_is_told_of_in_the_log() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let mut command = ratesheet(&["-c", file.path().to_str().unwrap()]);
    command.env("NOTIFY_SOCKET", "vsock:2:1234");
    let mut process = Process::of(command);
    process.says("the service manager cannot be told anything at NOTIFY_SOCKET");
    process.says("at work");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_service_manager_without_a_file_is_found_too() {
    use std::os::linux::net::SocketAddrExt as _;
    let rig = Rig::new();
    let name = format!("ratesheet-test-{}-{}", std::process::id(), fastrand::u64(..));
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let managed = Managed::heard_at(&rig, socket, &format!("@{name}"), SELDOM, folder);
    assert_eq!(managed.hears_news(), "READY=1");
}
