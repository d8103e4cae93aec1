//! An asynchronous function: it waits, prints, and gives back what it was given.

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    wasip3::wit_bindgen::generate!({
        world: "slow",
        path: "wit",
        runtime_path: "wasip3::wit_bindgen::rt",
    });
}

use futures::join;
use wasip3::cli::stdout;
use wasip3::clocks::monotonic_clock;
use wasip3::wit_stream;

struct Component;

impl bindings::Guest for Component {
    async fn slowly(text: String, milliseconds: u32) -> Result<String, String> {
        let (mut sender, receiver) = wit_stream::new();
        let line = format!("waiting with {text}\n");
        let (printed, _) = join!(stdout::write_via_stream(receiver).into_future(), async {
            sender.write_all(line.into_bytes()).await;
            drop(sender);
        });
        printed.map_err(|error| format!("{error:?}"))?;
        monotonic_clock::wait_for(u64::from(milliseconds) * 1_000_000).await;
        if text.is_empty() { Err("there is nothing to give back".to_owned()) } else { Ok(text) }
    }
}

bindings::export!(Component with_types_in bindings);
