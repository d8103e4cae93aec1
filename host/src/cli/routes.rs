//! `cofferdam routes`: what the tenant's routes are, and moving calls between their choices. The policy's text is changed
//! where a share stands and nowhere else, and put in force only in the place of the one that was read.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, GOOD, QUIET, STRONG, paint};
use super::table::Table;
use super::{Exit, Failure, Output, Result, words};
use crate::error::Error;
use crate::http::wire;
use crate::id::{CallTarget, RouteName};
use crate::policy::Policy;
use crate::policy::route::{Conditions, Route};
use crate::routed::percent;

mod edit;
mod shown;

use self::edit::Share;

/// List routes, and shift calls between their choices
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam routes list
  cofferdam routes show summarise
  cofferdam routes shift summarise 1 0.1
  cofferdam routes shift summarise acme/summarise@2 0.5
  cofferdam routes roll-back summarise

A share is a part of all keys, from 0 to 1: with a larger one more keys get the choice, and all that had it keep it.
Comments and the policy's form stay as they are. Exit code 1: the policy was changed meanwhile, and nothing was.")]
pub(super) struct Routes {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the routes of the policy in force
    List,
    /// Show a route with its choices and what they take
    Show {
        /// The route
        name: RouteName,
    },
    /// Give a choice another share of all keys
    Shift {
        /// The route
        name: RouteName,
        /// The choice: its number, counted from 1, or its tool
        choice: String,
        /// The share, from 0 to 1, such as 0.1
        share: Share,
    },
    /// Take every share of a route back to 0: all calls go to the choices without one
    RollBack {
        /// The route
        name: RouteName,
    },
}

impl Routes {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        let read: wire::Policy = client.get(&["v1", "policy"], &[])?;
        let policy = Policy::parse(&read.text).map_err(Error::from)?;
        let (name, after) = match self.action {
            Action::List => {
                let routes: Vec<shown::Route> = policy.routes().iter().map(Into::into).collect();
                output.show(&shown::Routes { routes }, listing)?;
                return Ok(Exit::Ok);
            }
            Action::Show { name } => {
                let route = find(&policy, &name)?;
                output.show(&shown::Route::from(route), |_| detail(route))?;
                return Ok(Exit::Ok);
            }
            Action::Shift { name, choice, share } => {
                let place = edit::place(find(&policy, &name)?, &choice)?;
                let after = edit::share(&read.text, &name, &[place], &share)?;
                (name, after)
            }
            Action::RollBack { name } => {
                let shared = |(place, share): (usize, Option<u32>)| share.map(|_| place);
                let choices = &find(&policy, &name)?.choices;
                let shares = choices.iter().map(|choice| choice.conditions.share_ppm);
                let places: Vec<usize> = shares.enumerate().filter_map(shared).collect();
                if places.is_empty() {
                    return Err(Failure::usage(
                        format!("no choice of routes/{name} has a share"),
                        "there is nothing to roll back: `cofferdam routes show` shows its choices",
                    ));
                }
                // It is typed in a hurry: nothing that it does may refuse every call.
                if places.len() == choices.len() {
                    return Err(Failure::usage(
                        format!("every choice of routes/{name} has a share: without one, none would take a call"),
                        "say which one takes them: `cofferdam routes shift` with 0 for the others, then with 1 for that one",
                    ));
                }
                let after = edit::share(&read.text, &name, &places, &Share::none())?;
                (name, after)
            }
        };
        let before = [("before", read.digest.to_string())];
        let policy = Policy::parse(&after).map_err(Error::from)?;
        let toml = "application/toml";
        let put: wire::PolicyPut = client.send_text_with(Method::PUT, &["v1", "policy"], &before, toml, after)?;
        let route = find(&policy, &name)?;
        let shifted = shown::RouteShifted { digest: put.digest, changed: put.changed, route: route.into() };
        output.show(&shifted, |shifted| {
            let what = match shifted.changed {
                true => format!("{} in force from the next call on", paint(GOOD, "✓")),
                false => "as it was already".to_owned(),
            };
            format!("{}\n{what} {}\n", detail(route), paint(QUIET, shifted.digest))
        })?;
        Ok(Exit::Ok)
    }
}

fn find<'a>(policy: &'a Policy, name: &RouteName) -> Result<&'a Route> {
    Ok(policy.route(name).ok_or_else(|| Error::not_found("route", name).next("`cofferdam routes list` lists them"))?)
}

fn listing(routes: &shown::Routes) -> String {
    if routes.routes.is_empty() {
        return "the policy has no [[route]]; docs/policy.md says how one is written".to_owned();
    }
    let mut table = Table::new(["ROUTE", "FALLBACK", "CHOICES"]);
    for route in &routes.routes {
        let choice = |choice: &shown::RouteChoice| match choice.share_ppm {
            Some(share) => format!("{} {}", choice.tool, paint(CARE, percent(share))),
            None => choice.tool.to_string(),
        };
        let choices: Vec<String> = route.choices.iter().map(choice).collect();
        table.row([paint(STRONG, &route.name), route.fallback.clone(), choices.join(", ")]);
    }
    table.to_string()
}

fn detail(route: &Route) -> String {
    let name = CallTarget::Route(route.name.clone());
    let mut text = format!("{}  fallback {}\n", paint(STRONG, name), route.fallback.as_str());
    let mut table = Table::new(["#", "TOOL", "SHARE", "COST", "TAKES"]).indent(2);
    for (nth, choice) in route.choices.iter().enumerate() {
        let takes = Conditions { share_ppm: None, ..choice.conditions.clone() };
        table.row([
            (nth + 1).to_string(),
            match choice.without.is_empty() {
                true => choice.tool.to_string(),
                false => format!("{} without {}", choice.tool, choice.without_words().join(" and ")),
            },
            choice.conditions.share_ppm.map(|share| paint(CARE, percent(share))).unwrap_or_default(),
            choice.cost.map(|cost| cost.to_string()).unwrap_or_default(),
            paint(QUIET, if takes == Conditions::default() { "every call".to_owned() } else { takes.to_string() }),
        ]);
    }
    text += &table.to_string();
    let breaker = &route.breaker;
    text += &format!(
        "\n  breaker at {} failed or {} slower than {} of {} calls in {}, open for {}\n",
        percent(breaker.failure_rate_ppm),
        percent(breaker.slow_rate_ppm),
        words::span(breaker.slow),
        words::count(breaker.calls_min.into()),
        words::span(breaker.window),
        words::span(breaker.open),
    );
    text
}
