//! Tests of receivers that have no room. Touches: nothing.

use super::*;

/// Takes nothing in until it is let.
struct Full(Over);

impl Actor for Full {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1);
    }
}

impl Handler<QuoteBatch> for Full {
    type Result = ();

    fn handle(&mut self, _: QuoteBatch, ctx: &mut Self::Context) {
        let over = self.0.clone();
        let wait = async move {
            while !over.is() {
                sleep(SECOND / 1_000).await;
            }
        };
        ctx.wait(wait.into_actor(self));
    }
}

/// Ticks until one cannot be delivered.
async fn fill(bench: &Bench) {
    let before = bench.report().undelivered;
    while bench.report().undelivered == before {
        bench.ticks.set(bench.ticks.get() + 1);
        bench.actor.send(Tick::new(bench.ticks.get(), vec![SHEET])).await.unwrap();
        sleep(SECOND / 100).await;
    }
}

#[test]
fn who_is_late_and_catches_up_and_is_late_again_is_offered_the_newest_once_at_a_time() {
    in_no_time(async {
        let over = Over::default();
        let full = Full(over.clone()).start();
        let bench =
            Bench::giving(Some(full.recipient()), &[(SHEET, pairs(1))], |asked| match asked {
                LIST => page(),
                names => all(names),
            });
        fill(&bench).await;
        let begun = Instant::now();
        over.now();
        sleep(SECOND / 50).await;
        // It takes a tick to deliver what was late, before the timer would.
        let delivered = bench.report().undelivered;
        bench.actor.send(Tick::new(100, vec![SHEET])).await.unwrap();
        sleep(SECOND / 100).await;
        assert_eq!(bench.report().undelivered, delivered);
        over.not_now();
        fill(&bench).await;
        assert!(begun.elapsed() < SECOND / 5, "the first timer has fired: {:?}", begun.elapsed());
        let before = bench.report().undelivered;
        sleep(10 * SECOND).await;
        bench.tick(&[SHEET]).await;
        let attempts = bench.report().undelivered - before;
        // Every 250 ms, and once for the tick.
        assert!((40..=42).contains(&attempts), "{attempts} attempts in ten seconds");
    });
}
