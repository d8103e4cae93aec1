use std::time::Duration;

use super::super::report::Report;
use super::asking::Ran;
use super::{DEMANDS, FAIR, PLACES, WEIGHTS, over_weights, used};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn ran(began: u64, ended: u64, fuel: u64) -> Ran {
    Ran { ended: ms(ended), took: ms(ended - began), fuel }
}

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn a_call_counts_by_how_much_of_its_time_lies_within() {
    let window = ms(1_000)..ms(2_000);
    let cases = [
        (ran(1_200, 1_300, 70), 70.0),
        (ran(1_000, 2_000, 70), 70.0),
        // Three quarters of it before the window, a half of it after.
        (ran(700, 1_100, 80), 20.0),
        (ran(1_900, 2_100, 80), 40.0),
        // Longer than the window.
        (ran(0, 4_000, 80), 20.0),
        (ran(0, 1_000, 80), 0.0),
        (ran(2_000, 2_500, 80), 0.0),
        // It was answered, and took less than the host tells.
        (ran(1_500, 1_500, 80), 80.0),
    ];
    for (ran, within) in &cases {
        near(used(std::slice::from_ref(ran), &window), *within);
    }
    near(used(&cases.map(|(ran, _)| ran), &window), 70.0 + 70.0 + 20.0 + 40.0 + 20.0 + 80.0);
    near(used(&[], &window), 0.0);
}

#[test]
fn shares_are_compared_with_what_weights_say() {
    for share in over_weights(&[10.0, 20.0, 40.0], &[1, 2, 4]) {
        near(share, 1.0);
    }
    // All alike, where they should not be.
    let alike = over_weights(&[5.0, 5.0, 5.0], &[1, 2, 4]);
    for (share, expected) in alike.iter().zip([7.0 / 3.0, 7.0 / 6.0, 7.0 / 12.0]) {
        near(*share, expected);
    }
    // One that got nothing, and one that got more for it.
    let starved = over_weights(&[0.0, 3.0, 4.0], &[1, 2, 4]);
    for (share, expected) in starved.iter().zip([0.0, 1.5, 1.0]) {
        near(*share, expected);
    }
}

#[test]
fn five_in_a_hundred_are_fair_and_more_are_not_and_neither_is_no_figure() {
    let holds = |share: f64| {
        let mut report = Report::default();
        report.target("share", share, "×", FAIR, &[]);
        report.holds()
    };
    for fair in [0.95, 1.0, 1.05] {
        assert!(holds(fair), "{fair}");
    }
    for unfair in [0.0, 0.949, 1.051, f64::INFINITY, f64::NAN] {
        assert!(!holds(unfair), "{unfair}");
    }
}

#[test]
fn what_is_asked_for_is_more_than_there_is_and_cost_and_weight_do_not_coincide() {
    for place in &PLACES {
        // More than runs at once: each has calls that wait.
        assert!(DEMANDS.iter().all(|demand| demand.connections > place.plan_calls as usize), "{}", place.name);
    }
    let [(_, along), (_, against)] = WEIGHTS;
    assert!(along.is_sorted() && against.iter().rev().is_sorted());
    assert!(DEMANDS.is_sorted_by(|one, other| one.rounds < other.rounds && one.connections != other.connections));
}
