//! A word is planted wherever something of one tenant is kept or goes through, and then every byte that another tenant gets,
//! every byte that the host sends out on its behalf, and all that the host says of itself, is searched for it.
//!
//! Both tenants do the very same: they have the same names and put the same things in the same places, in words of their own.
//! So what one of them must not find is what the other has to find by the same questions, or the search looks in the wrong
//! place and the test fails.
#![allow(clippy::unwrap_used, reason = "tests")]

mod listen;
mod plant;
mod search;
mod stand;

use cofferdam_tests::{far_from_midnight, run};

use listen::{listen, sweep};
use plant::{PLACES, SENT_OUT, Words};
use search::{Heard, holds};
use stand::{Mark, Stand};

const ACME: Words = Words("wren-7f3a9c");
const GLOBEX: Words = Words("plover-51d0e2");

#[test]
fn leak_nothing_that_a_tenant_put_anywhere_is_in_anything_that_another_gets() {
    run(async {
        far_from_midnight().await;
        let stand = Stand::start().await;
        let (acme, globex) = (stand.server.tenant("acme").await, stand.server.tenant("globex").await);
        // One of them asks everything before anything of the other is there, so that what is remembered between is met.
        let (mut of_acme, mut of_globex) = (Heard::default(), Heard::default());
        let theirs = stand.plant(&globex, GLOBEX, &mut of_globex).await;
        listen(&stand, &globex, &theirs, &theirs, &mut of_globex).await;
        let before = stand.sent();
        let ours = stand.plant(&acme, ACME, &mut of_acme).await;
        let between = stand.sent();
        listen(&stand, &globex, &theirs, &ours, &mut of_globex).await;
        sweep(&stand, &globex, &theirs, &ours, &mut of_globex).await;
        let after = stand.sent();
        listen(&stand, &acme, &ours, &theirs, &mut of_acme).await;

        // What went out on behalf of whom: nobody else made calls meanwhile.
        let globex_sent =
            [stand.sent_between(Mark::default(), before), stand.sent_between(between, after), stand.bodies_of(&globex)];
        let acme_sent =
            [stand.sent_between(before, between), stand.sent_between(after, stand.sent()), stand.bodies_of(&acme)];
        for (heard, sent, own, other) in
            [(&of_globex, globex_sent.concat(), GLOBEX, ACME), (&of_acme, acme_sent.concat(), ACME, GLOBEX)]
        {
            assert!(heard.len() > 600 && sent.len() > 10, "{} answers, {} connections", heard.len(), sent.len());
            heard.has_nothing_of(other.0);
            for connection in &sent {
                assert!(!holds(connection, other.0), "{}", String::from_utf8_lossy(connection));
            }
            // By the same questions it has all of its own, but for the secret: that leaves, and comes back to nobody.
            for place in PLACES {
                assert_eq!(heard.holds(&own.of(place)), place != "secret", "{place}");
            }
            for place in SENT_OUT {
                let word = own.of(place);
                assert!(sent.iter().any(|connection| holds(connection, &word)), "{place}");
            }
        }
        // Nor does the host itself say any of it: to neither of them belongs what it logs.
        stand.server.says_so_in(&stand.log).await;
        let log = std::fs::read(&stand.log).unwrap();
        for words in [ACME, GLOBEX] {
            search::is_clean("the host's log", &log, words.0);
        }
    });
}
