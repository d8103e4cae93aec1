//! Things that live in the component: nothing that could cross to an agent.

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    wit_bindgen::generate!({ world: "things", path: "wit" });
}

use bindings::exports::acme::things::api::{Guest, GuestThing, Thing, ThingBorrow};

struct Component;

struct Own(String);

impl GuestThing for Own {
    fn new(name: String) -> Self {
        Self(name)
    }

    fn name(&self) -> String {
        self.0.clone()
    }
}

impl Guest for Component {
    type Thing = Own;

    fn make(name: String) -> Thing {
        Thing::new(Own(name))
    }

    fn look(at: ThingBorrow<'_>) -> String {
        at.get::<Own>().0.clone()
    }
}

bindings::export!(Component with_types_in bindings);
