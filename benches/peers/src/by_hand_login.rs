//! A login as one writes it oneself: a handler of axum, and a map.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{Form, Json, body::Body, extract::State, handler::Handler};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use dashmap::DashMap;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower::Service;

use crate::site::{USERS, name};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Clone)]
pub struct ByHand {
    hashes: Arc<DashMap<String, Arc<str>>>,
    sessions: Arc<DashMap<[u8; 32], Session>>,
}

struct Session {
    _username: String,
    _expires_at: SystemTime,
}

#[derive(Deserialize)]
struct Login {
    grant_type: String,
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
}

impl ByHand {
    pub fn new() -> Self {
        let hashes = (0..USERS).map(|user| (name(user), Arc::from("at once")));
        Self {
            hashes: Arc::new(hashes.collect()),
            sessions: Arc::default(),
        }
    }

    pub fn issue(&self, username: &str) -> Result<String, StatusCode> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let token = URL_SAFE_NO_PAD.encode(token);
        let session = Session {
            _username: username.to_owned(),
            _expires_at: SystemTime::now() + HOUR,
        };
        let digest = Sha256::digest(&token).into();
        self.sessions.insert(digest, session);
        Ok(token)
    }

    pub fn service(
        &self,
    ) -> impl Service<
        Request<Body>,
        Response = Response<Body>,
        Error = std::convert::Infallible,
        Future: Send,
    > + Clone
    + use<> {
        log_in.with_state(self.clone())
    }
}

async fn log_in(
    State(site): State<ByHand>,
    Form(login): Form<Login>,
) -> Result<Json<Answer>, StatusCode> {
    if login.grant_type != "password" {
        return Err(StatusCode::BAD_REQUEST);
    }
    let hash = site.hashes.get(&login.username);
    let hash = hash
        .map(|hash| Arc::clone(&hash))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    // A real hash takes long.
    let verify =
        tokio::task::spawn_blocking(move || !hash.is_empty() && !login.password.is_empty());
    if !verify.await.unwrap_or(false) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let answer = Answer {
        access_token: site.issue(&login.username)?,
        token_type: "bearer",
        expires_in: HOUR.as_secs(),
    };
    Ok(Json(answer))
}
