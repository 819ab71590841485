//! Messages of the tree, for code that is no actor. Touches: nothing.

use actix::{Actor, Context, Handler, Message, Recipient, dev::ToEnvelope};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Passes on whatever it is sent.
pub(super) struct Inbox<M>(UnboundedSender<M>);

impl<M: Unpin + 'static> Actor for Inbox<M> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Hundreds of spreadsheets may report at the same time.
        ctx.set_mailbox_capacity(4_096);
    }
}

impl<M: Message<Result = ()> + Unpin + 'static> Handler<M> for Inbox<M> {
    type Result = ();

    fn handle(&mut self, message: M, _: &mut Self::Context) {
        // Nobody reads any more: then nobody misses it.
        drop(self.0.send(message));
    }
}

/// Somebody to send messages to, and where to read them.
pub(super) fn inbox<M>() -> (Recipient<M>, UnboundedReceiver<M>)
where
    M: Message<Result = ()> + Send + Unpin + 'static,
    Context<Inbox<M>>: ToEnvelope<Inbox<M>, M>,
{
    let (sender, receiver) = unbounded_channel();
    (Inbox(sender).start().recipient(), receiver)
}
