//! The OpenAPI document held to what is sent: every answer is described, to its last header field
//! and member, and nothing is described that is never sent.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    MemoryClients, MemoryUsers, PasswordFlow,
    store::GrantType,
    throttle::MemoryThrottle,
    token::{Limits, Refresh},
};

use super::told::Told;
use crate::support::{
    Answer, FORM, LOGIN, User,
    clients::{backend, basic, billing, clients, public},
    fast, send,
    stores::BreakableTokens,
    users,
};

type Flow = PasswordFlow<MemoryUsers<User>, BreakableTokens>;
type Body = BoxBody<Bytes, std::convert::Infallible>;

fn request(fields: &[&str], form: &str) -> Request<Body> {
    let mut request = Request::post("/").header(header::CONTENT_TYPE, FORM);
    for field in fields {
        request = request.header(header::AUTHORIZATION, HeaderValue::from_str(field).unwrap());
    }
    let body = Full::from(form.to_owned());
    request.body(BodyExt::boxed(body)).unwrap()
}

async fn ask(flow: &Flow, path: &str, request: Request<Body>) -> Answer {
    let handler =
        service_fn(async |_: Request<Body>| Ok(http::Response::new(Full::<Bytes>::default())));
    match path {
        "/token" => send(flow.token_service(), request).await,
        "/revoke" => send(flow.revocation_service(), request).await,
        "/introspect" => send(flow.introspection_service(), request).await,
        "/me" => send(flow.bearer_layer().layer(handler), request).await,
        "/items" => {
            let scoped = flow.require_scope("admin".parse().unwrap());
            send(flow.bearer_layer().layer(scoped.layer(handler)), request).await
        }
        other => panic!("{other}"),
    }
}

/// A flow, and the same without a throttle, so that one failure has nothing to do with the next.
fn flows(set_up: impl Fn(Flow) -> Flow) -> (Flow, Flow, BreakableTokens) {
    let tokens = BreakableTokens::default();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_refresh(Refresh::default())
        .with_throttle(MemoryThrottle::new())
        .with_source(|_| Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let flow = set_up(flow);
    (flow.clone(), flow.with_insecure_no_throttle(), tokens)
}

/// A login with these `Authorization` fields: access token and refresh token.
async fn log_in(told: &mut Told, flow: &Flow, fields: &[&str], form: &str) -> [String; 2] {
    let answer = ask(flow, "/token", request(fields, form)).await;
    told.saw("/token", &answer);
    ["access_token", "refresh_token"].map(|name| answer.json[name].as_str().unwrap().to_owned())
}

/// The answers that have nothing to do with what a form says.
async fn see_limits(told: &mut Told, flow: &Flow) {
    let slow = flow
        .clone()
        .with_limits(Limits::default().with_body_time(Duration::ZERO));
    let small = flow
        .clone()
        .with_limits(Limits::default().with_body_bytes(8));
    for path in ["/token", "/revoke", "/introspect"] {
        told.saw(path, &ask(flow, path, request(&[], "%")).await);
        told.saw(path, &ask(&slow, path, request(&[], LOGIN)).await);
        told.saw(path, &ask(&small, path, request(&[], LOGIN)).await);
    }
}

/// What a store that is away does to each endpoint, and a source of random bytes that is none.
async fn see_failures(told: &mut Told, flow: &Flow, tokens: &BreakableTokens, forms: &[Form<'_>]) {
    tokens.break_down();
    for (path, fields, form) in forms {
        told.saw(path, &ask(flow, path, request(fields, form)).await);
    }
    tokens.mend();
    tokens.claim_all_digests();
    let (path, fields, form) = forms[0];
    told.saw(path, &ask(flow, path, request(fields, form)).await);
}

/// A path, `Authorization` fields and a form.
type Form<'a> = (&'a str, &'a [&'a str], &'a str);

async fn guess(told: &mut Told, flow: &Flow, (path, fields, form): Form<'_>) {
    for _ in 0..300 {
        let answer = ask(flow, path, request(fields, form)).await;
        if answer.status == 429 {
            return told.saw(path, &answer);
        }
    }
    panic!("{path} is not throttled");
}

async fn see_refusals(told: &mut Told, flow: &Flow, access: &str) {
    for path in ["/me", "/items"] {
        for fields in [&[][..], &["Bearer unknown"], &["Bearer a b"]] {
            told.saw(path, &ask(flow, path, request(fields, "")).await);
        }
    }
    let good = format!("Bearer {access}");
    let (me, items) = (request(&[&good], ""), request(&[&good], ""));
    assert_eq!(ask(flow, "/me", me).await.status, 200);
    told.saw("/items", &ask(flow, "/items", items).await);
}

#[tokio::test]
async fn without_clients_what_is_told_is_what_is_sent() {
    let (throttled, flow, tokens) = flows(|flow| flow);
    let mut told = Told::of(&throttled.openapi("/token").unwrap());
    let [access, refresh] = log_in(&mut told, &flow, &[], LOGIN).await;
    let carried_on = format!("grant_type=refresh_token&refresh_token={refresh}");
    log_in(&mut told, &flow, &[], &carried_on).await;
    for form in [
        "grant_type=password&username=meera&password=guess",
        &format!("{LOGIN}&scope=admin"),
        "grant_type=other",
    ] {
        told.saw("/token", &ask(&flow, "/token", request(&[], form)).await);
    }
    for path in ["/revoke", "/introspect"] {
        told.saw(path, &ask(&flow, path, request(&[], "token=unknown")).await);
    }
    see_limits(&mut told, &flow).await;
    see_refusals(&mut told, &flow, &access).await;

    let bearer = format!("Bearer {access}");
    let forms: [Form<'_>; 4] = [
        ("/token", &[], LOGIN),
        ("/revoke", &[], &format!("token={access}")),
        ("/me", &[&bearer], ""),
        ("/items", &[&bearer], ""),
    ];
    see_failures(&mut told, &flow, &tokens, &forms).await;
    let wrong = "grant_type=password&username=meera&password=guess";
    guess(&mut told, &throttled, ("/token", &[], wrong)).await;
    guess(&mut told, &throttled, ("/revoke", &[], "token=unknown")).await;
    told.expect_all_seen();
}

#[tokio::test]
async fn with_clients_what_is_told_is_what_is_sent() {
    let idle = public("idle").with_grants([GrantType::RefreshToken]);
    let clients = || clients().into_iter().chain([idle.clone()]);
    let (throttled, flow, tokens) = flows(|flow| flow.with_clients(MemoryClients::new(clients())));
    let mut told = Told::of(&throttled.openapi("/token").unwrap());
    let (backend, billing) = (&*backend(), &*billing());
    let guessed = &*basic("backend", "guess");
    let [access, refresh] = log_in(&mut told, &flow, &[backend], LOGIN).await;
    let carried_on = format!("grant_type=refresh_token&refresh_token={refresh}");
    log_in(&mut told, &flow, &[backend], &carried_on).await;
    let token = &*format!("token={access}");
    let forms: [Form<'_>; 14] = [
        (
            "/token",
            &[backend],
            "grant_type=password&username=meera&password=guess",
        ),
        ("/token", &[backend], &format!("{LOGIN}&scope=admin")),
        ("/token", &[backend], "grant_type=other"),
        ("/token", &[], LOGIN),
        ("/token", &[], &format!("{LOGIN}&client_id=idle")),
        ("/token", &[guessed], LOGIN),
        ("/revoke", &[guessed], token),
        ("/revoke", &[], token),
        ("/revoke", &[billing], token),
        ("/revoke", &[backend], "token=unknown"),
        ("/introspect", &[], token),
        ("/introspect", &[billing], token),
        ("/introspect", &[backend], token),
        ("/introspect", &[backend], "token=unknown"),
    ];
    for (path, fields, form) in forms {
        told.saw(path, &ask(&flow, path, request(fields, form)).await);
    }
    see_limits(&mut told, &flow).await;
    see_refusals(&mut told, &flow, &access).await;

    let bearer = format!("Bearer {access}");
    let forms: [Form<'_>; 5] = [
        ("/token", &[backend], LOGIN),
        ("/revoke", &[backend], token),
        ("/introspect", &[backend], token),
        ("/me", &[&bearer], ""),
        ("/items", &[&bearer], ""),
    ];
    see_failures(&mut told, &flow, &tokens, &forms).await;
    for path in ["/token", "/revoke", "/introspect"] {
        guess(&mut told, &throttled, (path, &[guessed], LOGIN)).await;
    }
    told.expect_all_seen();
}
