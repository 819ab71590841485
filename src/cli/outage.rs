//! What can be made to go wrong in the demo with a key. Touches: the stand-ins of Kraken and
//! Google, and an actor, by a drill.

use ratesheet::{
    ActorName, Drill, DrillActor,
    sandbox::{Fault, FaultId, Sandbox, Service},
};

/// What is out of order now, and whose turn it is to crash.
#[derive(Debug, Default)]
pub(super) struct Outages {
    kraken: Option<FaultId>,
    google: Option<FaultId>,
    crashes: usize,
}

impl Outages {
    /// The keys, and what each would do now.
    pub(super) const fn keys(&self) -> [(&'static str, &'static str); 4] {
        [
            ("k", if self.kraken.is_some() { "Kraken back" } else { "Kraken down" }),
            ("g", if self.google.is_some() { "Google back" } else { "Google down" }),
            ("c", "crash an actor"),
            ("q", "quit"),
        ]
    }

    /// Takes Kraken down, or brings it back. In words, which it was.
    pub(super) fn kraken(&mut self, sandbox: &Sandbox) -> String {
        // What Cloudflare says while it cannot reach Kraken.
        toggle(&mut self.kraken, sandbox, "Kraken", Service::Kraken, Fault::Html(520))
    }

    /// Takes Google down, or brings it back. In words, which it was.
    pub(super) fn google(&mut self, sandbox: &Sandbox) -> String {
        let words = "The service is currently unavailable.";
        let fault = Fault::google(503, "UNAVAILABLE", words);
        toggle(&mut self.google, sandbox, "Google", Service::Sheets, fault)
    }

    /// Whom to make crash: each in turn.
    pub(super) fn crash(&mut self, spreadsheet: &str) -> DrillActor {
        let actor = match self.crashes % 3 {
            0 => ActorName::Kraken,
            1 => ActorName::Sheets(spreadsheet.into()),
            _ => ActorName::Schedule,
        };
        self.crashes += 1;
        DrillActor { actor, drill: Drill::Panic, relentless: false }
    }
}

fn toggle(
    down: &mut Option<FaultId>,
    sandbox: &Sandbox,
    who: &str,
    service: Service,
    fault: Fault,
) -> String {
    match down.take() {
        Some(id) => {
            sandbox.clear_fault(id);
            format!("You bring {who} back")
        }
        None => {
            *down = Some(sandbox.fault(service, fault));
            format!("You take {who} down")
        }
    }
}
