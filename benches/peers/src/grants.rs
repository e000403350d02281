//! Tokens that are made: the issue alone, a login whose hash takes no time, a refresh.

use std::{sync::Arc, time::Instant};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};
use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::{Password, PasswordHash},
    password::{HashError, PasswordHasher},
    token::Refresh,
};

use crate::{
    by_hand_login::ByHand,
    counting,
    field::{Batch, Contender, Turn, compete},
    jwt::{self, Keys},
    report::{Goal, Report, cell, row},
    site::{Site, USERS, identity, name},
};

const ROUNDS: usize = 300;
/// Issues in a turn. Logins change threads, so they take much longer.
const ISSUES: usize = 200;
const LOGINS: usize = 50;

const ISSUE: &str = "issue: this crate";
const ISSUE_BY_HAND: &str = "issue: by hand, SHA-256";
const ISSUE_HS256: &str = "issue: jsonwebtoken, HS256";
const ISSUE_EDDSA: &str = "issue: jsonwebtoken, EdDSA";
const LOGIN: &str = "login: this crate";
const LOGIN_BY_HAND: &str = "login: by hand, axum";
const REFRESH: &str = "refresh: this crate";

pub fn measure(site: &Site, report: &mut Report) {
    let outcome = compete(&mut contenders(site), ROUNDS);
    Report::title(
        "A token that is made",
        &["", "ns", "allocations", "this crate / it"],
    );
    for name in outcome.names() {
        let time = outcome.time(name);
        report.note("grants", name, time, "ns", Goal::None);
        let ours = match *name {
            ISSUE_BY_HAND | ISSUE_HS256 | ISSUE_EDDSA => Some(ISSUE),
            LOGIN_BY_HAND => Some(LOGIN),
            _ => None,
        };
        let ratio = ours.map(|ours| outcome.ratio(ours, name));
        if let Some(ratio) = ratio {
            report.note("grants-ratio", name, ratio, "ratio", Goal::None);
        }
        row([
            (*name).to_owned(),
            cell(time, 0),
            outcome.allocations(name).to_string(),
            ratio.map_or_else(String::new, |ratio| cell(ratio, 2)),
        ]);
    }
}

fn contenders(site: &Site) -> Vec<Contender> {
    let runtime = Arc::new(Builder::new_current_thread().enable_time().build().unwrap());
    let flow = PasswordFlow::new(site.users.clone(), MemoryTokens::new())
        .with_hasher(AtOnce)
        .with_refresh(Refresh::default());
    let by_hand = ByHand::new();
    let issuer = PasswordFlow::new(site.users.clone(), MemoryTokens::new()).issuer();
    let issue = move |user| {
        let token = issuer.issue(identity(user)).now_or_never().unwrap();
        drop(token.unwrap());
    };
    let issue_by_hand = {
        let by_hand = by_hand.clone();
        move |user| drop(by_hand.issue(&name(user)).unwrap())
    };
    let signed = |keys: Keys| in_turn(move |user| drop(keys.issue(user)));
    let login = logins(&runtime, flow.token_service());
    let login_by_hand = logins(&runtime, by_hand.service());
    let refresh = refreshes(&runtime, flow.token_service());
    vec![
        Contender::new(ISSUE, ISSUES, in_turn(issue)),
        Contender::new(ISSUE_BY_HAND, ISSUES, in_turn(issue_by_hand)),
        Contender::new(ISSUE_HS256, ISSUES, signed(jwt::hs256())),
        Contender::new(ISSUE_EDDSA, LOGINS, signed(jwt::eddsa())),
        Contender::new(LOGIN, LOGINS, login),
        Contender::new(LOGIN_BY_HAND, LOGINS, login_by_hand),
        Contender::new(REFRESH, LOGINS, refresh),
    ]
}

fn in_turn(mut work: impl FnMut(usize) + 'static) -> Batch {
    let mut next = 0;
    Box::new(move |calls| {
        let before = counting::allocations();
        let start = Instant::now();
        for _ in 0..calls {
            next = (next + 1) % USERS;
            work(next);
        }
        Turn {
            time: start.elapsed(),
            allocations: counting::allocations() - before,
        }
    })
}

fn logins<S, R>(runtime: &Arc<Runtime>, service: S) -> Batch
where
    S: Service<Request<Body>, Response = Response<R>, Error: std::fmt::Debug> + Clone + 'static,
{
    let (runtime, mut next) = (Arc::clone(runtime), 0);
    Box::new(move |calls| {
        let requests: Vec<_> = (next..next + calls)
            .map(|call| login(call % USERS))
            .collect();
        next += calls;
        send(&runtime, &service, requests)
    })
}

/// Each of a login of its own, which is not measured.
fn refreshes<S, R>(runtime: &Arc<Runtime>, service: S) -> Batch
where
    S: Service<Request<Body>, Response = Response<R>, Error: std::fmt::Debug> + Clone + 'static,
    R: BodyExt<Error: std::fmt::Debug>,
{
    let runtime = Arc::clone(runtime);
    Box::new(move |calls| {
        let log_in = async |call| {
            let response = service.clone().oneshot(login(call % USERS)).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let answer: Value = serde_json::from_slice(&body).unwrap();
            let token = answer["refresh_token"].as_str().unwrap();
            form(format!("grant_type=refresh_token&refresh_token={token}"))
        };
        let requests = (0..calls).map(|call| runtime.block_on(log_in(call)));
        let requests = requests.collect();
        send(&runtime, &service, requests)
    })
}

fn send<S, R>(runtime: &Runtime, service: &S, requests: Vec<Request<Body>>) -> Turn
where
    S: Service<Request<Body>, Response = Response<R>, Error: std::fmt::Debug> + Clone,
{
    runtime.block_on(async {
        let before = counting::allocations();
        let start = Instant::now();
        for request in requests {
            let response = service.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        }
        Turn {
            time: start.elapsed(),
            allocations: counting::allocations() - before,
        }
    })
}

fn login(user: usize) -> Request<Body> {
    let name = name(user);
    form(format!(
        "grant_type=password&username={name}&password=secret123"
    ))
}

fn form(body: String) -> Request<Body> {
    Request::post("/token")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

/// Takes every password for the right one.
struct AtOnce;

impl PasswordHasher for AtOnce {
    fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash::new("at once"))
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Result<bool, HashError> {
        Ok(true)
    }

    fn recognizes(&self, _: &PasswordHash) -> bool {
        true
    }

    fn needs_rehash(&self, _: &PasswordHash) -> bool {
        false
    }
}
