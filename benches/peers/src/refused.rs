//! Requests that a guard turns away.

use axum::body::Body;
use http::{Request, StatusCode, header::AUTHORIZATION};

use crate::{
    by_hand::{self, Guarded},
    field::{Batch, Contender, compete, requests},
    guarded::{HASHED, HS256, LOGIN, MIDDLING, OURS, PLAINTEXT, QUICK, TOWER_HTTP},
    jwt, ours,
    report::{Goal, Report, cell, row},
    sessions::Sessions,
    site::{Site, in_turn, strangers},
};

const ROUNDS: usize = 500;

/// What is wrong with the requests.
#[derive(Clone, Copy)]
enum Fault {
    Unknown,
    Malformed,
    Missing,
}

impl Fault {
    fn title(self) -> [&'static str; 2] {
        match self {
            Self::Unknown => ["unknown", "A token that nobody knows"],
            Self::Malformed => ["malformed", "A token that is malformed"],
            Self::Missing => ["missing", "No token, but another scheme"],
        }
    }

    /// For axum-login, which reads cookies, they all are requests without a session.
    fn requests<B: Default>(self) -> impl FnMut() -> Request<B> + use<B> {
        let field = |token: &String| match self {
            Self::Unknown => format!("Bearer {token}"),
            Self::Malformed => format!("Bearer {token}?"),
            Self::Missing => format!("Basic {token}"),
        };
        in_turn(AUTHORIZATION, strangers().iter().map(field).collect())
    }
}

pub fn measure(site: &Site, report: &mut Report) {
    for fault in [Fault::Unknown, Fault::Malformed, Fault::Missing] {
        let [table, title] = fault.title();
        let outcome = compete(&mut contenders(site, fault), ROUNDS);
        Report::title(title, &["", "ns", "allocations", "this crate / it"]);
        for name in outcome.names() {
            let (time, ratio) = (outcome.time(name), outcome.ratio(OURS, name));
            report.note(table, name, time, "ns", Goal::None);
            report.note(table, name, ratio, "ratio", Goal::None);
            let allocations = outcome.allocations(name).to_string();
            row([
                (*name).to_owned(),
                cell(time, 0),
                allocations,
                cell(ratio, 2),
            ]);
        }
    }
}

fn contenders(site: &Site, fault: Fault) -> Vec<Contender> {
    let ours = match fault {
        // RFC 6750 §3.1.
        Fault::Malformed => StatusCode::BAD_REQUEST,
        Fault::Unknown | Fault::Missing => StatusCode::UNAUTHORIZED,
    };
    let jwt = requests(
        jwt::hs256().guard(),
        StatusCode::UNAUTHORIZED,
        fault.requests(),
    );
    vec![
        Contender::new(
            OURS,
            QUICK,
            requests(ours::bearer(site), ours, fault.requests::<Body>()),
        ),
        Contender::new(HASHED, QUICK, by_hand(by_hand::hashed(site), fault)),
        Contender::new(PLAINTEXT, QUICK, by_hand(by_hand::plaintext(site), fault)),
        Contender::new(TOWER_HTTP, QUICK, by_hand(by_hand::tower_http(site), fault)),
        Contender::new(HS256, MIDDLING, jwt),
        Contender::new(LOGIN, MIDDLING, by_hand(Sessions::new().guarded(), fault)),
    ]
}

fn by_hand(guard: impl Guarded, fault: Fault) -> Batch {
    requests(guard, StatusCode::UNAUTHORIZED, fault.requests())
}
