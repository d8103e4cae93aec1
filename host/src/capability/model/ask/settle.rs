//! What a request came to: settled behind each attempt, and in the record once the guest lets go of it.

use super::super::account::Charge;
use super::super::retry::Failure;
use super::super::stream::{self, Live};
use super::super::{ModelFault, tokens};
use super::attempt::Came;
use super::{Asking, Got, Held};
use crate::capability::bindings::cofferdam::tool::model::{Ending, StopReason, Usage as GuestUsage, Vectors};
use crate::capability::effects::ModelRequest;
use crate::money::Money;
use crate::policy::model::Offered;

impl Asking {
    /// What a guest gets of it.
    pub(super) fn take(&mut self, came: Came, held: Held) -> Got {
        match came {
            Came::Live(live) => Got::Reply(Box::new(live), held),
            Came::Whole(rest, live) => {
                let ending = self.finish(&live, held);
                Got::Answer(stream::answer(rest, ending))
            }
            Came::Vectors(vectors, reported) => {
                let model = name(&held.offered);
                let usage = self.settle(held, reported, Some(0), 0);
                self.outcome = "ok";
                Got::Vectors(Vectors { vectors, usage, model })
            }
        }
    }

    /// The answer is whole.
    pub(in crate::capability::model) fn finish(&mut self, live: &Live, held: Held) -> Ending {
        let model = name(&held.offered);
        let usage = self.settle(held, live.read.input, live.read.output, live.read.bytes);
        self.answer = Some(live.digest());
        self.outcome = "ok";
        Ending { stop: live.read.stop.unwrap_or(StopReason::Other), usage, model }
    }

    /// The answer broke off in the middle.
    pub(in crate::capability::model) fn fail(&mut self, live: &Live, held: Held, failure: Failure) -> ModelFault {
        let model = name(&held.offered);
        self.settle_failed(held, &failure);
        self.answer = Some(live.digest());
        self.outcome = "failed";
        failure.into_fault(&model)
    }

    /// An attempt that no provider worked on costs nothing; any other what its request and so much of an answer come to.
    pub(super) fn settle_failed(&mut self, held: Held, failure: &Failure) {
        if failure.has_reached {
            let [input, output] = failure.reported;
            // What it had said of the answer by then was of its beginning.
            let output = output.map(|count| count.max(tokens::reckoned(failure.bytes)));
            self.settle(held, input, output, failure.bytes);
        } else {
            held.hold.settle(Charge::default());
            self.pending = None;
        }
    }

    fn settle(&mut self, held: Held, input: Option<u64>, output: Option<u64>, bytes: u64) -> GuestUsage {
        let Held { hold, offered } = held;
        let input_tokens = tokens::counted(input, self.size.bytes, self.size.input_tokens_max);
        let output_tokens = tokens::counted(output, bytes, self.size.output_tokens_max);
        let cost = offered.model.cost(input_tokens, output_tokens);
        hold.settle(Charge { tokens: input_tokens.saturating_add(output_tokens), cost });
        self.pending = None;
        self.add([input_tokens, output_tokens], cost);
        GuestUsage { input_tokens, output_tokens, cost: cost.as_billionths() }
    }

    fn add(&mut self, tokens: [u64; 2], cost: Money) {
        for (sum, more) in self.tokens.iter_mut().zip(tokens) {
            *sum = sum.saturating_add(more);
        }
        self.cost = self.cost.plus(cost);
    }
}

/// As guests and the record see it.
pub(super) fn name(offered: &Offered) -> String {
    format!("{}/{}", offered.provider.name, offered.model.name)
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Given up: what was reserved stays charged.
        if let Some((tokens, cost)) = self.pending.take() {
            self.add(tokens, cost);
        }
        let Some((facts, decision)) = self.decision.take() else { return };
        self.shared.effects.model_requested(ModelRequest {
            route: self.route.name.clone(),
            facts,
            decision,
            attempts: self.attempts,
            outcome: self.outcome,
            tokens: self.tokens,
            cost: self.cost,
            request: self.size.digest,
            answer: self.answer,
        });
    }
}
